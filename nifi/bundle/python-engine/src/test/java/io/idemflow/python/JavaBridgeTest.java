package io.idemflow.python;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.util.Collection;
import java.util.Map;
import java.util.TreeMap;
import javax.script.ScriptEngine;
import javax.script.ScriptEngineManager;
import javax.script.ScriptException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What scripts see of Java. */
class JavaBridgeTest {

    private ScriptEngine engine;

    /** As NiFi's OutputStreamCallback, with a default method. */
    public interface Callback {

        void process(OutputStream out) throws IOException;

        default int twice(final int number) {
            return 2 * number;
        }
    }

    /** As NiFi's session, so far as it matters here. */
    public static final class Session {

        public byte[] write(final Callback callback) throws IOException {
            final ByteArrayOutputStream out = new ByteArrayOutputStream();
            callback.process(out);
            return out.toByteArray();
        }

        public int twice(final Callback callback) {
            return callback.twice(21);
        }

        public String put(final Map<String, String> attributes) {
            return new TreeMap<>(attributes).toString();
        }

        public int count(final Collection<?> items) {
            return items.size();
        }

        public int countArray(final String[] items) {
            return items.length;
        }

        public int length(final String text) {
            return text.length();
        }

        public String getFileName() {
            return "name";
        }

        public void fail() throws IOException {
            throw new IOException("disk full", new IllegalStateException("inner"));
        }
    }

    @BeforeEach
    void createEngine() {
        engine = new ScriptEngineManager().getEngineByName("python");
        engine.put("session", new Session());
    }

    private Object run(final String definitions, final String expression) throws ScriptException {
        final TreeMap<String, Object> result = new TreeMap<>();
        engine.put("result", result);
        engine.eval(definitions + "\nresult['value'] = " + expression + "\n");
        return result.get("value");
    }

    private static String callback(final String body) {
        return """
                from idemflow_engine.conversion import find_class
                class Write(find_class('io.idemflow.python.JavaBridgeTest$Callback')):
                    def __init__(self, text=''):
                        self.text, self.calls = text, 0
                    def process(self, out):
                %s
                """.formatted(body.indent(8));
    }

    @Test
    void implementsInterfacesWithPythonClasses() throws ScriptException {
        final String write = callback("self.calls += 1\nout.write(self.text.encode())");

        assertArrayEquals("zo\u00eb".getBytes(java.nio.charset.StandardCharsets.UTF_8),
                (byte[]) run(write, "session.write(Write('zo\u00eb'))"));
        assertEquals(42, run(write, "session.twice(Write())"));
        assertEquals(1, run(write + "w = Write()\nsession.write(w)", "w.calls"));
    }

    @Test
    void bringsThePythonErrorOfACallbackBack() throws ScriptException {
        final String fails = callback("raise KeyError('id')") + """
                try:
                    session.write(Write())
                except KeyError as error:
                    caught = error.args[0]
                """;

        assertEquals("id", run(fails, "caught"));
        final PythonException error = assertThrows(PythonException.class,
                () -> run(callback("raise KeyError('id')"), "session.write(Write())"));
        assertTrue(error.getMessage().endsWith(":6: KeyError: 'id'"), error.getMessage());
    }

    @Test
    void saysWhichMethodIsMissing() {
        final PythonException error = assertThrows(PythonException.class, () -> run("""
                from java.lang import Runnable, Thread
                from java.util.concurrent import Executors
                class Job(Runnable):
                    pass
                """, "Thread(Job()).run()"));

        assertTrue(error.getMessage().contains("class Job has no method run"), error.getMessage());
    }

    @Test
    void refusesToDeriveFromAJavaClass() {
        final PythonException error = assertThrows(PythonException.class, () -> engine.eval("""
                from java.util import ArrayList
                class Mine(ArrayList):
                    pass
                """));

        assertTrue(error.getMessage().contains("Python classes can implement Java interfaces only"));
    }

    @Test
    void raisesJavaExceptionsAsClassesOfTheirOwn() throws ScriptException {
        final String script = """
                from java.io import IOException, FileNotFoundException
                from java.lang import Exception as JavaException
                caught = []
                for kind in (IOException, JavaException, Exception):
                    try:
                        session.fail()
                    except FileNotFoundException:
                        caught.append('wrong')
                    except kind as error:
                        caught.append(error.getMessage())
                """;

        assertEquals("disk full,disk full,disk full", run(script, "','.join(caught)"));
        final PythonException error = assertThrows(PythonException.class, () -> engine.eval("session.fail()"));
        assertEquals("<script>:1: java.io.IOException: disk full", error.getMessage());
        assertTrue(error.getTraceback().contains("java.lang.IllegalStateException: inner"), error.getTraceback());
    }

    @Test
    void convertsCollectionsTextAndBytes() throws ScriptException {
        assertEquals("{a=\uD83D\uDE00, b=2}", run("", "session.put({'a': '\uD83D\uDE00', 'b': 2})"));
        assertEquals(2, run("", "session.length('\uD83D\uDE00')"));
        assertEquals(3, run("", "session.count([1, (2,), {'x'}])"));
        assertEquals(2, run("", "session.countArray(['a', 'b'])"));
        assertArrayEquals(new byte[] {-1, 0}, (byte[]) run("from java.util import ArrayList", "ArrayList([b'\\xff\\x00'])[0]"));
    }

    @ParameterizedTest
    @ValueSource(strings = {
            "bytearray(4)",
            "zeros(4, 'b')",
            "array('B', bytes(4))",
            "memoryview(bytearray(4))",
            "Array.newInstance(Byte.TYPE, 4)",
            "ByteArrayInputStream(bytes(4)).readAllBytes()",
    })
    void bringsBackWhatJavaWritesIntoBytes(final String buffer) throws ScriptException {
        final String script = """
                from array import array
                from java.io import ByteArrayInputStream
                from java.lang import Byte, System
                from java.lang.reflect import Array
                from java.util import Arrays
                from jarray import zeros
                buffer, read = %s, []
                stream = ByteArrayInputStream(b'abcd\\xff')
                while (count := stream.read(buffer)) != -1:
                    read.append((count, bytes(buffer)))
                System.arraycopy(b'xy', 0, buffer, 1, 2)
                read.append((bytes(buffer), buffer[0]))
                """.formatted(buffer);

        assertEquals("[(4, b'abcd'), (1, b'\\xffbcd'), (b'\\xffxyd', 255)]", run(script, "str(read)"));
    }

    @Test
    void makesArraysOfJava() throws ScriptException {
        final String script = """
                from jarray import array, zeros
                from java.lang import Object, String
                from java.util import Arrays
                """;

        assertEquals("[1, zo\u00eb, {a=[2]}]",
                run(script, "Arrays.asList(array([1, 'zo\u00eb', {'a': [2]}], Object)).toString()"));
        assertEquals("[null, null]", run(script, "Arrays.toString(zeros(2, String))"));
        assertEquals("[a, b] [1, -2] [1.5] [true]", run(script, "' '.join([Arrays.toString(array('ab', 'c')), "
                + "Arrays.toString(array([1, -2], 'l')), Arrays.toString(array([1.5], 'd')), "
                + "Arrays.toString(array([True], 'z'))])"));
        assertEquals(2, run(script, "session.countArray(array(['a', 'b'], String))"));
        assertArrayEquals(new byte[] {-1, 2}, (byte[]) run(script, "array([-1, 2], 'b')"));
    }

    @Test
    void givesJavaCollectionsPythonsProtocols() throws ScriptException {
        assertEquals("a=1 len 1 True False", run("""
                from java.util import HashMap, ArrayList
                m = HashMap()
                m['a'] = 1
                text = ' '.join(f'{k}={v}' for k, v in m.items())
                """, "f\"{text} len {len(m)} {'a' in m} {bool(ArrayList())}\""));
        assertEquals("c ['b', 'c'] True", run("""
                from java.util import Arrays, Collection
                l = Arrays.asList('a', 'b', 'c')
                """, "f'{l[-1]} {l[1:]} {isinstance(l, Collection)}'"));
    }

    @Test
    void readsPropertiesNestedClassesAndConstants() throws ScriptException {
        assertEquals("name", run("", "session.fileName"));
        assertEquals("UTF-8", run("from java.nio.charset import StandardCharsets", "str(StandardCharsets.UTF_8)"));
        assertEquals("k", run("from java.util.AbstractMap import SimpleEntry\nimport java.util.Map",
                "SimpleEntry('k', 'v').getKey() if isinstance(SimpleEntry('k', 'v'), java.util.Map.Entry) else None"));
        assertEquals("k", run("from java.util import Map", "Map.entry('k', 'v').getKey()"));
        assertEquals("b", run("from java.lang import String", "String('abc').charAt(1)"));
    }

    @Test
    void saysWhatIsWrongWithACall() {
        assertEquals("<script>:1: TypeError: Java method length does not take these arguments: "
                        + "JavaBridgeTest$Session, bytes",
                assertThrows(PythonException.class, () -> engine.eval("session.length(b'x')")).getMessage());
        assertEquals("<script>:1: TypeError: Java method getFileName does not take these arguments: "
                        + "JavaBridgeTest$Session, int",
                assertThrows(PythonException.class, () -> engine.eval("session.getFileName(1)")).getMessage());
        assertEquals("<script>:2: TypeError: Java method charValue does not take these arguments: str",
                assertThrows(PythonException.class, () -> engine.eval(
                        "from java.lang import Character\nCharacter.charValue('x')")).getMessage());
        assertEquals("<script>:1: AttributeError: Java class io.idemflow.python.JavaBridgeTest$Session "
                        + "has no public member nothing",
                assertThrows(PythonException.class, () -> engine.eval("session.nothing")).getMessage());
        assertTrue(assertThrows(PythonException.class, () -> engine.eval("from java.util import Nothing")).getMessage()
                .startsWith("<script>:1: ImportError: cannot import name 'Nothing' from 'java.util'"));
    }
}
