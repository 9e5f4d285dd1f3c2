package io.idemflow.python;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import javax.script.Bindings;
import javax.script.Compilable;
import javax.script.CompiledScript;
import javax.script.ScriptContext;
import javax.script.ScriptEngine;
import javax.script.ScriptEngineFactory;
import javax.script.ScriptEngineManager;
import javax.script.ScriptException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PythonScriptEngineTest {

    @TempDir
    private Path directory;

    private ScriptEngine engine;

    /** Has what scripts use of NiFi's log. */
    public static final class Log {

        private final List<String> lines = Collections.synchronizedList(new ArrayList<>());

        public void info(final String line) {
            lines.add("info " + line);
        }

        public void warn(final String line) {
            lines.add("warn " + line);
        }
    }

    /** Has what the engine reads of NiFi's context. */
    public record Context(Map<String, String> properties) {

        public Value getProperty(final String name) {
            return new Value(properties.get(name));
        }
    }

    /** A property's value, as NiFi's. */
    public record Value(String value) {

        public Value evaluateAttributeExpressions() {
            return new Value(value == null ? null : value.replace("${here}", ""));
        }

        public String getValue() {
            return value;
        }
    }

    @BeforeEach
    void createEngine() {
        engine = new ScriptEngineManager().getEngineByName("python");
    }

    @Test
    void isFoundByItsNamesAndLanguage() {
        final ScriptEngineFactory factory = engine.getFactory();

        assertEquals("python", factory.getLanguageName());
        for (final String name : List.of("python", "Python", "python3", "cpython")) {
            assertInstanceOf(PythonScriptEngine.class, new ScriptEngineManager().getEngineByName(name));
        }
        assertInstanceOf(PythonScriptEngine.class, new ScriptEngineManager().getEngineByExtension("py"));
    }

    @Test
    void givesTheValueOfAnExpression() throws ScriptException {
        assertEquals(2, ((Number) engine.eval("1 + 1")).intValue());
        assertEquals("é\uD83D\uDE00", engine.eval(new StringReader("'é\uD83D\uDE00'")));
        assertEquals(Map.of("a", List.of("b")), engine.eval("{'a': ['b']}"));
        assertNull(engine.eval("x = 1"));
    }

    @Test
    void startsEachEvaluationWithItsBindingsOnly() throws ScriptException {
        engine.put("given", 1);
        engine.eval("left = given");

        assertEquals("['given']", engine.eval(
                "str([name for name in list(globals()) if not name.startswith('__')])"));
        assertFalse(engine.getBindings(ScriptContext.ENGINE_SCOPE).containsKey("left"));
        assertThrows(PythonException.class, () -> engine.eval("left"));
    }

    @Test
    void seesImportsInFunctionsComprehensionsAndClasses() throws ScriptException {
        engine.put("lines", new ArrayList<String>());
        engine.eval("""
                import json
                from java.util import ArrayList
                class Row:
                    encode = json.dumps
                    def text(self):
                        return [json.dumps(n) for n in ArrayList([1, 2])]
                def add():
                    lines.addAll(Row().text())
                add()
                """);

        assertEquals(List.of("1", "2"), engine.get("lines"));
    }

    @Test
    void compilesAhead() throws ScriptException {
        final CompiledScript script = ((Compilable) engine).compile("n + 1");
        final Bindings bindings = engine.createBindings();
        bindings.put("n", 41);

        assertEquals(42, ((Number) script.eval(bindings)).intValue());
        assertThrows(PythonException.class, () -> ((Compilable) engine).compile("x = ("));
    }

    @Test
    void namesFileLineAndErrorInOneLine() {
        engine.put(ScriptEngine.FILENAME, "/scripts/people.py");

        final PythonException error = assertThrows(PythonException.class, () -> engine.eval("""
                def name(record):
                    return record['id']
                name({})
                """));

        assertEquals("people.py:2: KeyError: 'id'", error.getMessage());
        assertEquals("people.py:2: KeyError: 'id'", error.toString());
        assertEquals("/scripts/people.py", error.getFileName());
        assertEquals(2, error.getLineNumber());
        assertTrue(error.getTraceback().contains("    return record['id']"), error.getTraceback());
        assertFalse(error.getTraceback().contains("idemflow_engine"), error.getTraceback());
    }

    @Test
    void showsEachTaskTheLinesOfItsOwnScript() throws Exception {
        try (ExecutorService executor = Executors.newFixedThreadPool(4)) {
            final List<Future<?>> tasks = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                final String line = "raise ValueError(%d)".formatted(i);
                tasks.add(executor.submit(() -> {
                    final ScriptEngine own = new ScriptEngineManager().getEngineByName("python");
                    for (int j = 0; j < 200; j++) {
                        final String text = assertThrows(PythonException.class, () -> own.eval(line)).getTraceback();
                        assertTrue(text.contains("\n    " + line + "\n"), text);
                    }
                }));
            }
            for (final Future<?> task : tasks) {
                task.get();
            }
        }
    }

    @Test
    void namesLineAndColumnOfASyntaxError() {
        final PythonException error = assertThrows(PythonException.class, () -> engine.eval("x = 1\ny = = 2\n"));

        assertEquals("<script>:2: SyntaxError: invalid syntax", error.getMessage());
        assertEquals(5, error.getColumnNumber());
    }

    @Test
    void printsToTheLogOfItsEvaluation() throws ScriptException {
        final Log log = new Log();
        engine.put("log", log);
        engine.eval("""
                import sys
                print('one', 2)
                print('warning', file=sys.stderr)
                sys.stdout.write('three\\nfour')
                """);

        assertEquals(List.of("info one 2", "warn warning", "info three", "info four"), log.lines);
    }

    @Test
    void importsFromTheModuleDirectoryOfItsContext() throws Exception {
        final Path helper = Files.writeString(directory.resolve("helper.py"), "value = 1\n");
        engine.put("context", new Context(Map.of("Module Directory", "${here}" + directory)));
        final String script = "__import__('helper').value";

        assertEquals(1, ((Number) engine.eval(script)).intValue());
        Files.writeString(helper, "value = 'changed'\n");
        assertEquals("changed", engine.eval(script));
    }

    @Test
    void keepsModulesOfDifferentDirectoriesApart() throws Exception {
        for (final String name : List.of("a", "b")) {
            Files.createDirectory(directory.resolve(name));
            Files.writeString(directory.resolve(name).resolve("same.py"), "import other\nvalue = other.value\n");
            Files.writeString(directory.resolve(name).resolve("other.py"), "value = '%s'\n".formatted(name));
        }
        for (final String name : List.of("a", "b", "a")) {
            engine.put("context", new Context(Map.of("Module Directory", directory.resolve(name).toString())));
            assertEquals(name, engine.eval("__import__('same').value"));
            assertEquals(name, engine.eval("__import__('importlib').import_module('same').value"));
        }
    }

    @Test
    void givesEachTaskOneVersionOfAModuleThatChanges() throws Exception {
        final Path helper = directory.resolve("helper.py");
        Files.writeString(helper, "version = 0\n");
        final AtomicBoolean changed = new AtomicBoolean();
        final Callable<Void> task = () -> {
            final ScriptEngine own = new ScriptEngineManager().getEngineByName("python");
            own.put("context", new Context(Map.of("Module Directory", directory.toString())));
            while (!changed.get()) {
                own.eval("import helper, time\nfirst = helper\ntime.sleep(0.001)\nimport helper\n"
                        + "assert helper is first, 'two versions of one module'\n");
            }
            return null;
        };
        try (ExecutorService executor = Executors.newFixedThreadPool(4)) {
            final List<Future<Void>> tasks = List.of(executor.submit(task), executor.submit(task),
                    executor.submit(task), executor.submit(task));
            for (int version = 1; version <= 50; version++) {
                final Path next = Files.writeString(directory.resolve("next"), "version = %d\n".formatted(version));
                Files.move(next, helper, StandardCopyOption.ATOMIC_MOVE);
                Thread.sleep(5);
            }
            changed.set(true);
            for (final Future<Void> one : tasks) {
                one.get();
            }
        }
    }

    @Test
    void importsNeighboursOfTheScriptsFile() throws IOException, ScriptException {
        final Path script = Files.writeString(directory.resolve("script.py"), "");
        Files.writeString(directory.resolve("neighbour.py"), "value = 'near'\n");
        engine.put(ScriptEngine.FILENAME, script.toString());

        assertEquals("near", engine.eval("__import__('neighbour').value"));
    }

    @Test
    void runsInParallelEachWithItsOwnBindings() throws Exception {
        final String script = """
                import time
                def check():
                    for _ in range(20):
                        time.sleep(0.001)
                        assert number == str(session.get(0)), (number, session)
                check()
                """;
        final List<Callable<Void>> tasks = new ArrayList<>();
        for (int i = 0; i < 16; i++) {
            final String number = String.valueOf(i);
            tasks.add(() -> {
                final ScriptEngine own = new ScriptEngineManager().getEngineByName("python");
                own.put("number", number);
                own.put("session", List.of(number));
                own.eval(script);
                return null;
            });
        }
        try (ExecutorService executor = Executors.newFixedThreadPool(8)) {
            for (final Future<Void> future : executor.invokeAll(tasks)) {
                future.get();
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {
            "while True: pass",
            "import time\ntime.sleep(600)",
            "import time\nwhile True:\n    try:\n        time.sleep(0.01)\n    except:\n        pass\n",
            "import queue\nqueue.Queue().get()",
            "import threading\nt = threading.Thread(target=threading.Event().wait, args=(9,))\nt.start()\nt.join()",
    })
    void isInterruptedWithItsThread(final String endless) throws Exception {
        final CompletableFuture<Exception> ended = new CompletableFuture<>();
        final CompletableFuture<Void> running = new CompletableFuture<>();
        engine.put("running", running);
        final Thread thread = Thread.ofPlatform().start(() -> {
            try {
                engine.eval("running.complete(None)\n" + endless);
                ended.complete(null);
            } catch (final ScriptException | RuntimeException e) {
                ended.complete(e);
            }
        });
        running.get(30, TimeUnit.SECONDS);
        thread.interrupt();

        final PythonException error = assertInstanceOf(PythonException.class, ended.get(30, TimeUnit.SECONDS));
        assertTrue(error.isInterrupted(), error.getMessage());
        assertEquals(2, ((Number) engine.eval("1 + 1")).intValue());
    }

    @ParameterizedTest
    @ValueSource(strings = {
            "import sys\nsys.exit('no')",
            "import os\nos._exit(1)",
            "import os\nos.abort()",
            "exit(1)",
            "raise KeyboardInterrupt",
            "f = lambda: f()\nf()",
            "def f(x):\n    return sorted([1, 2], key=f)\nf(0)",
            "import sys\nsys.setrecursionlimit(10 ** 9)\ndef f(x):\n    return sorted([1, 2], key=f)\nf(0)",
            "import json\nx = []\nfor _ in range(100000):\n    x = [x]\njson.dumps(x)",
    })
    void survives(final String script) {
        assertThrows(PythonException.class, () -> engine.eval(script));
    }

    @Test
    void endsWithoutAnErrorAtExit() throws ScriptException {
        assertNull(engine.eval("import sys\nsys.exit()\nraise ValueError"));
        assertNull(engine.eval("quit()"));
        assertNull(engine.eval("quit()"));
    }

    @Test
    void saysWhatIsMissingWhenItCannotStart() throws Exception {
        final String config = System.getProperty("jpy.config");
        final ProcessBuilder java = new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp", System.getProperty("java.class.path"), Start.class.getName());

        assertTrue(output(java).contains("Python cannot start: the system property jpy.config is not set"));

        java.command().add(1, "-Djpy.config=" + directory.resolve("none.properties"));
        assertTrue(output(java).contains("none.properties that the system property jpy.config names cannot be read"));

        final Path broken = directory.resolve("broken.properties");
        Files.writeString(broken, Files.readString(Path.of(config)).replaceAll("(?m)^jpy.pythonLib.*$", "jpy.pythonLib = /none.so"));
        java.command().set(1, "-Djpy.config=" + broken);
        assertTrue(output(java).contains("jpy.pythonLib=/none.so is not a readable file"));
    }

    private static String output(final ProcessBuilder builder) throws IOException, InterruptedException {
        final Process process = builder.redirectErrorStream(true).start();
        final String output = new String(process.getInputStream().readAllBytes());
        process.waitFor();
        return output;
    }

    /** Starts Python in a JVM of its own, where it cannot be started. */
    static final class Start {

        public static void main(final String[] arguments) throws ScriptException {
            new ScriptEngineManager().getEngineByName("python").eval("1");
        }
    }
}
