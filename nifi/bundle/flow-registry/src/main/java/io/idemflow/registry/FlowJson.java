package io.idemflow.registry;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonSetter;
import com.fasterxml.jackson.annotation.Nulls;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.core.util.Separators;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.cfg.JsonNodeFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import org.apache.nifi.registry.flow.FlowRegistryException;
import org.apache.nifi.registry.flow.RegisteredFlowSnapshot;

/**
 * Flow versions as JSON that people can review.
 *
 * <p>The form is that of NiFi's flow definitions, with this fixed so that the same flow gives the same bytes and a
 * changed property is one changed line: keys and sets are sorted (components by identifier, parameters by name), two
 * spaces of indent, one value a line, a line end at the end; nulls, instance identifiers and whatever tells of one
 * particular NiFi are left out. {@link FlowDocument} says what is removed.
 */
final class FlowJson {

    private static final JsonMapper READER = builder(true).build();

    private final JsonMapper mapper;
    private final ObjectWriter writer;

    /**
     * @param lines whether a text of several lines is written as an array of its lines; joined by line feeds they are
     *     the text again, exactly
     */
    FlowJson(final boolean lines) {
        mapper = builder(lines).build();
        final DefaultIndenter indent = new DefaultIndenter("  ", "\n");
        final DefaultPrettyPrinter printer = new DefaultPrettyPrinter(Separators.createDefaultInstance()
                .withObjectFieldValueSpacing(Separators.Spacing.AFTER)
                .withArrayEmptySeparator("")
                .withObjectEmptySeparator(""));
        printer.indentObjectsWith(indent);
        printer.indentArraysWith(indent);
        writer = mapper.writer(printer);
    }

    /**
     * Writes a version of a flow. The snapshot is not changed.
     *
     * @param snapshot what NiFi made of the process group
     * @param description the flow's description, or null
     * @return UTF-8 text
     * @throws FlowRegistryException where a text cannot be written as UTF-8
     */
    byte[] write(final RegisteredFlowSnapshot snapshot, final String description) throws FlowRegistryException {
        final RegisteredFlowSnapshot stored = new RegisteredFlowSnapshot();
        stored.setFlowContents(snapshot.getFlowContents());
        stored.setExternalControllerServices(snapshot.getExternalControllerServices());
        stored.setParameterContexts(snapshot.getParameterContexts());
        stored.setParameterProviders(snapshot.getParameterProviders());
        stored.setFlowEncodingVersion(snapshot.getFlowEncodingVersion());
        final ObjectNode document = mapper.valueToTree(stored);
        document.remove("latest");
        if (description != null && !description.isBlank()) {
            document.putObject("flow").set("description", mapper.valueToTree(description));
        }
        FlowDocument.clean(document);
        try {
            final String text = writer.writeValueAsString(document) + "\n";
            final ByteBuffer bytes = StandardCharsets.UTF_8.newEncoder().encode(CharBuffer.wrap(text));
            return Arrays.copyOf(bytes.array(), bytes.limit());
        } catch (final CharacterCodingException e) {
            throw new FlowRegistryException("A text of the flow has half of a Unicode surrogate pair and cannot be "
                    + "written as UTF-8: correct that text and commit again", e);
        } catch (final JsonProcessingException e) {
            throw new FlowRegistryException("The flow cannot be written as JSON: " + e.getOriginalMessage(), e);
        }
    }

    /**
     * Reads a version of a flow, in either form of long texts.
     *
     * @param content UTF-8 text
     * @param file what was read, for messages
     * @return the snapshot, with its contents; maps that the file leaves out are empty
     * @throws FlowRegistryException where it is no flow
     */
    static RegisteredFlowSnapshot read(final byte[] content, final String file) throws FlowRegistryException {
        final RegisteredFlowSnapshot snapshot = new RegisteredFlowSnapshot();
        snapshot.setExternalControllerServices(new HashMap<>());
        snapshot.setParameterContexts(new HashMap<>());
        snapshot.setParameterProviders(new HashMap<>());
        try {
            READER.readerForUpdating(snapshot).readValue(content);
        } catch (final JsonProcessingException e) {
            final String where = e.getLocation() == null ? "" : ", line " + e.getLocation().getLineNr() + " column "
                    + e.getLocation().getColumnNr();
            throw new FlowRegistryException(file + where + " cannot be read as a flow: " + e.getOriginalMessage()
                    + ". Correct the file in git, or choose another version", e);
        } catch (final IOException e) {
            throw new FlowRegistryException(file + " cannot be read as a flow: " + e.getMessage(), e);
        }
        if (snapshot.getFlowContents() == null) {
            throw new FlowRegistryException(file + " holds no flow: flowContents is missing. Move the file out of the "
                    + "folder of flows if it is none, or choose another version");
        }
        return snapshot;
    }

    /**
     * Reads only the description: it stands before the contents, so that little of the file is read.
     *
     * @param content UTF-8 text
     * @return the description, or null where there is none or the file is no flow
     */
    static String description(final byte[] content) {
        try {
            return READER.readerFor(String.class).at("/flow/description").readValue(content);
        } catch (final IOException e) {
            // A listing must not fail for one file that a person broke: reading that flow says what is wrong with it.
            return null;
        }
    }

    private static JsonMapper.Builder builder(final boolean lines) {
        return JsonMapper.builder()
                .defaultPropertyInclusion(JsonInclude.Value.construct(JsonInclude.Include.NON_NULL, JsonInclude.Include.NON_NULL))
                .enable(MapperFeature.SORT_PROPERTIES_ALPHABETICALLY)
                .enable(SerializationFeature.ORDER_MAP_ENTRIES_BY_KEYS)
                .enable(JsonNodeFeature.WRITE_PROPERTIES_SORTED)
                .defaultSetterInfo(JsonSetter.Value.forValueNulls(Nulls.SKIP))
                .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
                .addModule(new FlowModule(lines));
    }
}
