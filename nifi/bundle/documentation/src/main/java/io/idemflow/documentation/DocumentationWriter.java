package io.idemflow.documentation;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.stream.Collectors;
import javax.xml.stream.XMLOutputFactory;
import javax.xml.stream.XMLStreamException;
import javax.xml.stream.XMLStreamWriter;
import org.apache.nifi.components.AllowableValue;
import org.apache.nifi.components.ConfigurableComponent;
import org.apache.nifi.components.PropertyDescriptor;
import org.apache.nifi.controller.ControllerService;
import org.apache.nifi.documentation.ServiceAPI;
import org.apache.nifi.documentation.StandardServiceAPI;
import org.apache.nifi.documentation.xml.XmlDocumentationWriter;
import org.apache.nifi.processor.Processor;
import org.apache.nifi.processor.Relationship;
import org.apache.nifi.registry.flow.FlowRegistryClient;

/**
 * Writes the folder {@code META-INF/docs} of a NAR as NiFi's Maven plugin does: {@code extension-manifest.xml} of the
 * types that the class path registers, and {@code additional-details} of their resources {@code
 * docs/TYPE/additionalDetails.md}.
 *
 * <p>NiFi 2.3.0 has no kind of manifest entry for a flow registry client, and fails on one that it does not know. So its
 * properties stand in its additional details.
 */
public final class DocumentationWriter {

    private final Path target;
    private final String[] nar;
    private final String[] parent;

    private DocumentationWriter(final Path target, final String[] nar, final String[] parent) {
        this.target = target;
        this.nar = nar;
        this.parent = parent;
    }

    /**
     * @param arguments folder to write to; the NAR and, if it has one, its parent: {@code group:artifact:version}
     */
    public static void main(final String[] arguments) throws IOException, XMLStreamException {
        new DocumentationWriter(Path.of(arguments[0]), arguments[1].split(":"),
                arguments.length > 2 ? arguments[2].split(":") : null).write();
    }

    private void write() throws IOException, XMLStreamException {
        Files.createDirectories(target);
        try (OutputStream stream = Files.newOutputStream(target.resolve("extension-manifest.xml"))) {
            final XMLStreamWriter xml = XMLOutputFactory.newInstance().createXMLStreamWriter(stream, "UTF-8");
            xml.writeStartElement("extensionManifest");
            coordinates(xml, nar);
            if (parent != null) {
                xml.writeStartElement("parentNar");
                coordinates(xml, parent);
                xml.writeEndElement();
            }
            element(xml, "systemApiVersion", Processor.class.getPackage().getImplementationVersion());
            xml.writeStartElement("extensions");
            for (final Class<? extends ConfigurableComponent> kind : List.of(Processor.class, ControllerService.class)) {
                for (final ConfigurableComponent component : registered(kind)) {
                    final XmlDocumentationWriter writer = new StableWriter(xml);
                    writer.initialize(component);
                    writer.write(component, provided(component.getClass()), required(component));
                    details(component, "");
                }
            }
            xml.writeEndElement();
            xml.writeEndElement();
            xml.close();
        }
        for (final ConfigurableComponent client : registered(FlowRegistryClient.class)) {
            details(client, properties(client));
        }
    }

    private static <T extends ConfigurableComponent> List<T> registered(final Class<T> kind) {
        return ServiceLoader.load(kind).stream().map(ServiceLoader.Provider::get)
                .sorted(Comparator.comparing(component -> component.getClass().getName())).toList();
    }

    private static void coordinates(final XMLStreamWriter xml, final String[] of) throws XMLStreamException {
        element(xml, "groupId", of[0]);
        element(xml, "artifactId", of[1]);
        element(xml, "version", of[2]);
    }

    private static void element(final XMLStreamWriter xml, final String name, final String text) throws XMLStreamException {
        xml.writeStartElement(name);
        xml.writeCharacters(text);
        xml.writeEndElement();
    }

    /** The interfaces by which a controller service is chosen. */
    private List<ServiceAPI> provided(final Class<?> type) {
        final List<ServiceAPI> provided = new ArrayList<>();
        for (final Class<?> api : type.getInterfaces()) {
            if (ControllerService.class.isAssignableFrom(api)) {
                provided.add(service(type, api));
            }
        }
        return provided;
    }

    /** The services that properties ask for, by the property's name. */
    private Map<String, ServiceAPI> required(final ConfigurableComponent component) {
        final Map<String, ServiceAPI> required = new HashMap<>();
        for (final PropertyDescriptor property : component.getPropertyDescriptors()) {
            final Class<?> api = property.getControllerServiceDefinition();
            if (api != null) {
                required.put(property.getName(), service(component.getClass(), api));
            }
        }
        return required;
    }

    /** Beside the component it is the NAR's own; what the NAR is compiled against comes from its parent. */
    private ServiceAPI service(final Class<?> component, final Class<?> api) {
        final boolean own = api.getProtectionDomain().getCodeSource().getLocation()
                .equals(component.getProtectionDomain().getCodeSource().getLocation());
        final String[] bundle = own ? nar : parent;
        return new StandardServiceAPI(api.getName(), bundle[0], bundle[1], bundle[2]);
    }

    private void details(final ConfigurableComponent component, final String more) throws IOException {
        final String type = component.getClass().getName();
        final String file = "%s/additionalDetails.md";
        try (InputStream text = ClassLoader.getSystemResourceAsStream("docs/" + file.formatted(type))) {
            if (text != null) {
                final Path details = target.resolve("additional-details").resolve(file.formatted(type));
                Files.createDirectories(details.getParent());
                Files.writeString(details, new String(text.readAllBytes(), StandardCharsets.UTF_8) + more);
            }
        }
    }

    private static String properties(final ConfigurableComponent component) {
        return component.getPropertyDescriptors().stream()
                .map(property -> "| %s%s | %s | %s | %s |\n".formatted(property.getDisplayName(),
                        property.isRequired() ? " (required)" : "", property.getDescription(),
                        property.getDefaultValue() == null ? "" : property.getDefaultValue(), values(property)))
                .collect(Collectors.joining("", """

                        ## Properties

                        | property | what it is | default | values |
                        |---|---|---|---|
                        """, ""));
    }

    private static String values(final PropertyDescriptor property) {
        return property.getAllowableValues() == null ? "" : property.getAllowableValues().stream()
                .map(AllowableValue::getDisplayName).collect(Collectors.joining(", "));
    }

    /** A set of relationships has another order in each process; the same classes give the same bytes. */
    private static final class StableWriter extends XmlDocumentationWriter {

        private StableWriter(final XMLStreamWriter xml) {
            super(xml);
        }

        @Override
        protected void writeRelationships(final Set<Relationship> relationships) throws IOException {
            super.writeRelationships(relationships.stream().sorted(Comparator.comparing(Relationship::getName))
                    .collect(Collectors.toCollection(LinkedHashSet::new)));
        }
    }
}
