package io.idemflow.registry;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** A repository as a person sees it: through the git command. */
record TestRepository(Path path) {

    static TestRepository init(final Path path, final String... options) throws IOException {
        Files.createDirectories(path);
        final TestRepository repository = new TestRepository(path);
        final List<String> arguments = new ArrayList<>(List.of("init", "-q", "-b", "main"));
        arguments.addAll(List.of(options));
        repository.git(arguments.toArray(String[]::new));
        repository.git("config", "user.name", "Human");
        repository.git("config", "user.email", "human@example.org");
        return repository;
    }

    static TestRepository cloneOf(final TestRepository origin, final Path path) throws IOException {
        origin.git("clone", "-q", origin.path().toString(), path.toString());
        final TestRepository repository = new TestRepository(path);
        repository.git("config", "user.name", "Human");
        repository.git("config", "user.email", "human@example.org");
        return repository;
    }

    String git(final String... arguments) throws IOException {
        final List<String> command = new ArrayList<>(List.of("git", "-C", path.toString()));
        command.addAll(List.of(arguments));
        return run(command);
    }

    static String run(final List<String> command) throws IOException {
        final ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().putAll(Map.of("GIT_CONFIG_NOSYSTEM", "1", "GIT_CONFIG_GLOBAL", "/dev/null", "LC_ALL", "C.UTF-8"));
        final Process process = builder.start();
        final String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        try {
            if (!process.waitFor(30, TimeUnit.SECONDS) || process.exitValue() != 0) {
                throw new IOException(command + ": " + output);
            }
        } catch (final InterruptedException e) {
            throw new IOException(e);
        }
        return output.strip();
    }

    /** A person's commit. */
    String commit(final String file, final String content, final String message) throws IOException {
        final Path target = path.resolve(file);
        Files.createDirectories(target.getParent());
        Files.writeString(target, content);
        git("add", file);
        git("commit", "-q", "-m", message);
        return git("rev-parse", "HEAD");
    }

    List<String> log(final String format) throws IOException {
        return git("log", "--format=" + format).lines().toList();
    }

    String status() throws IOException {
        return git("status", "--porcelain");
    }
}
