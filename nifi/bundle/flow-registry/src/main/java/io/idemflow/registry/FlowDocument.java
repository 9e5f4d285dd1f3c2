package io.idemflow.registry;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.BooleanNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.StreamSupport;

/** What must not, or need not, stand in the repository. */
final class FlowDocument {

    /** The identifier of the group itself differs on every NiFi; nothing refers to it from outside. */
    static final String ROOT_IDENTIFIER = "root";
    private static final Pattern PARAMETER_REFERENCE = Pattern.compile("#\\{[^{}]+}");

    private FlowDocument() {
    }

    /**
     * Removes secrets, and what tells only of the NiFi that the flow was taken from.
     *
     * <ul>
     * <li>values of sensitive properties, other than a reference to a parameter; values of sensitive parameters; proxy
     * passwords of remote process groups;</li>
     * <li>identifier and position of the flow's own group;</li>
     * <li>of a nested flow's coordinates what another NiFi finds out itself: the registry's identifier, being the
     * latest, and the address of this repository on this machine;</li>
     * <li>of property descriptors what is false;</li>
     * <li>the order of a service's interfaces, which is another one after each start of NiFi.</li>
     * </ul>
     *
     * @param document the flow, changed in place
     */
    static void clean(final ObjectNode document) {
        if (document.get("flowContents") instanceof ObjectNode contents) {
            unify(contents);
            group(contents);
        }
        for (final JsonNode parameters : document.path("parameterContexts")) {
            for (final JsonNode parameter : parameters.path("parameters")) {
                if (parameter.path("sensitive").asBoolean()) {
                    ((ObjectNode) parameter).remove("value");
                }
            }
        }
    }

    private static void unify(final ObjectNode contents) {
        final String identifier = contents.path("identifier").asText(null);
        contents.put("identifier", ROOT_IDENTIFIER);
        contents.remove("groupIdentifier");
        contents.remove("versionedFlowCoordinates");
        contents.putObject("position").put("x", 0.0).put("y", 0.0);
        if (identifier != null) {
            for (final JsonNode value : contents) {
                if (value instanceof ArrayNode components) {
                    components.forEach(component -> replace(component, identifier));
                }
            }
        }
    }

    private static void replace(final JsonNode component, final String identifier) {
        for (final String key : List.of("groupIdentifier", "groupId")) {
            if (component instanceof ObjectNode object && identifier.equals(object.path(key).asText(null))) {
                object.put(key, ROOT_IDENTIFIER);
            }
        }
        for (final String end : List.of("source", "destination")) {
            if (component.get(end) instanceof ObjectNode connectable) {
                replace(connectable, identifier);
            }
        }
    }

    private static void group(final ObjectNode group) {
        for (final String kind : List.of("processors", "controllerServices")) {
            for (final JsonNode component : group.path(kind)) {
                properties((ObjectNode) component);
                if (component.get("controllerServiceApis") instanceof ArrayNode interfaces) {
                    sort(interfaces);
                }
            }
        }
        for (final JsonNode remote : group.path("remoteProcessGroups")) {
            ((ObjectNode) remote).remove("proxyPassword");
        }
        for (final JsonNode child : group.path("processGroups")) {
            if (child.get("versionedFlowCoordinates") instanceof ObjectNode coordinates) {
                coordinates.remove(List.of("registryId", "latest"));
                if (coordinates.path("storageLocation").asText().startsWith(FlowRepository.LOCATION_PREFIX)) {
                    coordinates.remove("storageLocation");
                }
            }
            group((ObjectNode) child);
        }
    }

    private static void sort(final ArrayNode array) {
        final List<JsonNode> elements = StreamSupport.stream(array.spliterator(), false)
                .sorted(Comparator.comparing(JsonNode::toString)).toList();
        array.removeAll();
        array.addAll(elements);
    }

    private static void properties(final ObjectNode component) {
        if (!(component.get("propertyDescriptors") instanceof ObjectNode descriptors)) {
            return;
        }
        for (final Map.Entry<String, JsonNode> entry : descriptors.properties()) {
            final ObjectNode descriptor = (ObjectNode) entry.getValue();
            final JsonNode value = component.path("properties").path(entry.getKey());
            if (descriptor.path("sensitive").asBoolean() && !value.isMissingNode()
                    && !(value.isTextual() && PARAMETER_REFERENCE.matcher(value.textValue()).matches())) {
                ((ObjectNode) component.get("properties")).remove(entry.getKey());
            }
            descriptor.properties().removeIf(property -> BooleanNode.FALSE.equals(property.getValue()));
        }
    }
}
