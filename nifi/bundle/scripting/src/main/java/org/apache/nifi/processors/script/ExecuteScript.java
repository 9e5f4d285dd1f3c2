package org.apache.nifi.processors.script;

import io.idemflow.scripting.ModuleClassLoader;
import io.idemflow.scripting.RunningScripts;
import io.idemflow.scripting.Script;
import io.idemflow.scripting.ScriptEngines;
import java.io.IOException;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import javax.script.Bindings;
import javax.script.ScriptContext;
import javax.script.ScriptEngine;
import javax.script.ScriptException;
import org.apache.nifi.annotation.behavior.DynamicProperty;
import org.apache.nifi.annotation.behavior.InputRequirement;
import org.apache.nifi.annotation.behavior.InputRequirement.Requirement;
import org.apache.nifi.annotation.behavior.Restricted;
import org.apache.nifi.annotation.behavior.Restriction;
import org.apache.nifi.annotation.behavior.Stateful;
import org.apache.nifi.annotation.behavior.SupportsSensitiveDynamicProperties;
import org.apache.nifi.annotation.documentation.CapabilityDescription;
import org.apache.nifi.annotation.documentation.Tags;
import org.apache.nifi.annotation.lifecycle.OnScheduled;
import org.apache.nifi.annotation.lifecycle.OnStopped;
import org.apache.nifi.annotation.lifecycle.OnUnscheduled;
import org.apache.nifi.components.PropertyDescriptor;
import org.apache.nifi.components.RequiredPermission;
import org.apache.nifi.components.ValidationContext;
import org.apache.nifi.components.ValidationResult;
import org.apache.nifi.components.Validator;
import org.apache.nifi.components.resource.ResourceCardinality;
import org.apache.nifi.components.resource.ResourceType;
import org.apache.nifi.components.state.Scope;
import org.apache.nifi.expression.ExpressionLanguageScope;
import org.apache.nifi.migration.PropertyConfiguration;
import org.apache.nifi.processor.AbstractSessionFactoryProcessor;
import org.apache.nifi.processor.ProcessContext;
import org.apache.nifi.processor.ProcessSession;
import org.apache.nifi.processor.ProcessSessionFactory;
import org.apache.nifi.processor.Relationship;
import org.apache.nifi.processor.util.StandardValidators;
import org.apache.nifi.search.SearchContext;
import org.apache.nifi.search.SearchResult;
import org.apache.nifi.search.Searchable;

/**
 * Runs a script of any JSR-223 language with a process session: a drop-in for NiFi's own processor of this type.
 *
 * <p>Beyond it: a changed script file is read anew at the next trigger, and a script that does not end within {@link
 * RunningScripts#GRACE_SECONDS_PROPERTY} seconds after the processor was stopped is interrupted, which a bulletin says.
 */
@Tags({"script", "execute", "python", "groovy", "clojure"})
@CapabilityDescription("Runs a script with a process session. The script itself takes FlowFiles from the session and "
        + "transfers or removes them, as it does with those that it creates. When it ends without an error the session "
        + "is committed; when it raises one the session is rolled back and the incoming FlowFiles are penalized.")
@SupportsSensitiveDynamicProperties
@DynamicProperty(
        name = "Name of a variable",
        value = "Value of the variable",
        expressionLanguageScope = ExpressionLanguageScope.FLOWFILE_ATTRIBUTES,
        description = "The script sees a variable of this name, which holds the property's PropertyValue")
@Restricted(restrictions = {
        @Restriction(
                requiredPermission = RequiredPermission.EXECUTE_CODE,
                explanation = "Lets an operator run arbitrary code with all permissions that NiFi has.")
})
@InputRequirement(Requirement.INPUT_ALLOWED)
@Stateful(scopes = {Scope.LOCAL, Scope.CLUSTER},
        description = "Scripts can keep state with context.getStateManager().")
public class ExecuteScript extends AbstractSessionFactoryProcessor implements Searchable {

    public static final Relationship REL_SUCCESS = new Relationship.Builder()
            .name("success")
            .description("FlowFiles that the script transferred to success")
            .build();

    public static final Relationship REL_FAILURE = new Relationship.Builder()
            .name("failure")
            .description("FlowFiles that the script transferred to failure")
            .build();

    public static final PropertyDescriptor SCRIPT_FILE = new PropertyDescriptor.Builder()
            .name("Script File")
            .description("Path of the script's file. Exactly one of Script File and Script Body must be set")
            .required(false)
            .identifiesExternalResource(ResourceCardinality.SINGLE, ResourceType.FILE)
            .expressionLanguageSupported(ExpressionLanguageScope.ENVIRONMENT)
            .build();

    public static final PropertyDescriptor SCRIPT_BODY = new PropertyDescriptor.Builder()
            .name("Script Body")
            .description("Text of the script. Exactly one of Script File and Script Body must be set")
            .required(false)
            .addValidator(Validator.VALID)
            .expressionLanguageSupported(ExpressionLanguageScope.NONE)
            .build();

    public static final PropertyDescriptor MODULES = new PropertyDescriptor.Builder()
            .name("Module Directory")
            .description("Comma-separated paths of directories and files with modules that the script imports")
            .required(false)
            .identifiesExternalResource(ResourceCardinality.MULTIPLE, ResourceType.FILE, ResourceType.DIRECTORY)
            .expressionLanguageSupported(ExpressionLanguageScope.ENVIRONMENT)
            .build();

    private static final String SCRIPT_ENGINE_NAME = "Script Engine";
    private static final String SCRIPT_ENGINE_OTHER_NAME = "Script Language";

    private final ScriptEngines engines = new ScriptEngines();
    private final RunningScripts running = new RunningScripts();
    private final ModuleClassLoader modules = new ModuleClassLoader();

    private volatile PropertyDescriptor scriptEngine;
    private volatile Script script;
    private volatile BlockingQueue<ScriptEngine> idleEngines = new LinkedBlockingQueue<>();

    @Override
    public Set<Relationship> getRelationships() {
        return Set.of(REL_SUCCESS, REL_FAILURE);
    }

    @Override
    protected List<PropertyDescriptor> getSupportedPropertyDescriptors() {
        return List.of(getScriptEngineDescriptor(), SCRIPT_FILE, SCRIPT_BODY, MODULES);
    }

    @Override
    protected PropertyDescriptor getSupportedDynamicPropertyDescriptor(final String propertyDescriptorName) {
        return new PropertyDescriptor.Builder()
                .name(propertyDescriptorName)
                .required(false)
                .addValidator(StandardValidators.NON_EMPTY_VALIDATOR)
                .expressionLanguageSupported(ExpressionLanguageScope.FLOWFILE_ATTRIBUTES)
                .dynamic(true)
                .build();
    }

    /** Flows of some NiFi versions have the engine under another name, or under both: then the name of now counts. */
    @Override
    public void migrateProperties(final PropertyConfiguration config) {
        if (config.isPropertySet(SCRIPT_ENGINE_NAME)) {
            config.removeProperty(SCRIPT_ENGINE_OTHER_NAME);
        } else {
            config.renameProperty(SCRIPT_ENGINE_OTHER_NAME, SCRIPT_ENGINE_NAME);
        }
    }

    @Override
    protected Collection<ValidationResult> customValidate(final ValidationContext validationContext) {
        if (isSet(validationContext, SCRIPT_FILE) == isSet(validationContext, SCRIPT_BODY)) {
            return List.of(new ValidationResult.Builder()
                    .subject("Script Body or Script File")
                    .valid(false)
                    .explanation("exactly one of Script File or Script Body must be set")
                    .build());
        }
        return List.of();
    }

    @OnScheduled
    public void setup(final ProcessContext context) throws IOException {
        final String file = context.getProperty(SCRIPT_FILE).evaluateAttributeExpressions().getValue();
        script = file == null
                ? Script.ofBody(context.getProperty(SCRIPT_BODY).getValue())
                : Script.ofFile(file);
        script.read();
        modules.set(context.getProperty(MODULES).evaluateAttributeExpressions().asResources());
        idleEngines = new LinkedBlockingQueue<>();
        running.allow();
    }

    /** Gives a running script some time to end, then interrupts it, and says so in a bulletin. */
    @OnUnscheduled
    public void unschedule(final ProcessContext context) {
        running.interruptAfterGrace(message -> getLogger().warn("{}: {}", context.getName(), message));
    }

    @OnStopped
    public void stop() {
        running.allow();
        idleEngines = new LinkedBlockingQueue<>();
    }

    /**
     * Runs the script once and commits its session. After whatever it throws the session is rolled back and the
     * processor yields.
     *
     * @throws OutOfMemoryError after the rollback: that is for NiFi to see
     */
    @Override
    public void onTrigger(final ProcessContext context, final ProcessSessionFactory sessionFactory) {
        final ProcessSession session = sessionFactory.createSession();
        try {
            run(context, session);
            session.commitAsync();
        } catch (final Throwable e) { // engines throw checked exceptions that no signature names
            try {
                report(e);
            } finally {
                session.rollback(true);
                context.yield();
            }
            if (e instanceof OutOfMemoryError full) {
                throw full;
            }
        }
    }

    @Override
    public Collection<SearchResult> search(final SearchContext context) {
        final String file = context.getProperty(SCRIPT_FILE).evaluateAttributeExpressions().getValue();
        String text = context.getProperty(SCRIPT_BODY).getValue();
        try {
            text = file == null ? text : Script.ofFile(file).read();
        } catch (final IOException e) {
            getLogger().warn("{}", e.getMessage());
        }
        return Script.search(text, context.getSearchTerm());
    }

    private void run(final ProcessContext context, final ProcessSession session) throws ScriptException {
        final String text = text();
        try (ModuleClassLoader.Entered entered = modules.enter()) {
            final BlockingQueue<ScriptEngine> idle = idleEngines;
            final ScriptEngine reused = idle.poll();
            final ScriptEngine engine = reused != null ? reused
                    : engines.create(context.getProperty(getScriptEngineDescriptor()).getValue());
            bind(engine.getBindings(ScriptContext.ENGINE_SCOPE), context, session);
            running.begin();
            try {
                engine.eval(text);
            } catch (final Throwable e) {
                if (running.isInterrupted()) {
                    throw new ScriptException("%s: %s. It was interrupted %d s after the stop; its FlowFiles go back "
                            .formatted(context.getName(), reason(e), running.graceSeconds())
                            + "to their queue, penalized, and are taken again after the next start");
                }
                throw e;
            } finally {
                running.end();
            }
            // After an error the engine is dropped: a half-run script may have left anything in it.
            idle.offer(engine);
        }
    }

    private String text() throws ScriptException {
        try {
            return script.read();
        } catch (final IOException e) {
            throw new ScriptException(e.getMessage());
        }
    }

    private void report(final Throwable error) {
        if (error instanceof ScriptException && error.getCause() == null) {
            getLogger().error("{}; the session is rolled back", reason(error));
        } else {
            getLogger().error("The script failed, the session is rolled back", error); // NiFi adds what it is
        }
        getLogger().debug("Failed script:\n{}", script.text());
    }

    private void bind(final Bindings bindings, final ProcessContext context, final ProcessSession session) {
        bindings.put("session", session);
        bindings.put("context", context);
        bindings.put("log", getLogger());
        bindings.put("REL_SUCCESS", REL_SUCCESS);
        bindings.put("REL_FAILURE", REL_FAILURE);
        for (final Map.Entry<PropertyDescriptor, String> property : context.getProperties().entrySet()) {
            if (property.getKey().isDynamic() && property.getValue() != null) {
                bindings.put(property.getKey().getName(), context.getProperty(property.getKey()));
            }
        }
        script.fileName().ifPresent(name -> bindings.put(ScriptEngine.FILENAME, name));
    }

    /** Made once: the engines on the class path do not change while NiFi runs. */
    private synchronized PropertyDescriptor getScriptEngineDescriptor() {
        if (scriptEngine == null) {
            scriptEngine = engines.descriptor(SCRIPT_ENGINE_NAME);
        }
        return scriptEngine;
    }

    private static boolean isSet(final ValidationContext validationContext, final PropertyDescriptor descriptor) {
        final String value = validationContext.getProperty(descriptor).getValue();
        return value != null && !value.isEmpty();
    }

    private static String reason(final Throwable error) {
        return error instanceof ScriptException && error.getMessage() != null ? error.getMessage() : error.toString();
    }
}
