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
        assertEquals("k", run("from java.util import Map", "Map.entry('k', 'v').getKey()"));
        assertEquals("b", run("from java.lang import String", "String('abc').charAt(1)"));
    }

    @Test
    void saysWhatIsWrongWithACall() {
        assertEquals("<script>:1: TypeError: Java method length does not take these arguments: "
                        + "JavaBridgeTest$Session, bytes",
                assertThrows(PythonException.class, () -> engine.eval("session.length(b'x')")).getMessage());
        assertEquals("<script>:1: AttributeError: Java class io.idemflow.python.JavaBridgeTest$Session "
                        + "has no public member nothing",
                assertThrows(PythonException.class, () -> engine.eval("session.nothing")).getMessage());
        assertTrue(assertThrows(PythonException.class, () -> engine.eval("from java.util import Nothing")).getMessage()
                .startsWith("<script>:1: ImportError: cannot import name 'Nothing' from 'java.util'"));
    }
}
