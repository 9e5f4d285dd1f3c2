package io.idemflow.registry;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedSet;
import java.util.TreeSet;
import org.apache.nifi.registry.flow.FlowRegistryException;
import org.eclipse.jgit.errors.LargeObjectException;
import org.eclipse.jgit.errors.MissingObjectException;
import org.eclipse.jgit.lib.AnyObjectId;
import org.eclipse.jgit.lib.Constants;
import org.eclipse.jgit.lib.FileMode;
import org.eclipse.jgit.lib.ObjectId;
import org.eclipse.jgit.lib.Ref;
import org.eclipse.jgit.lib.Repository;
import org.eclipse.jgit.lib.RepositoryCache;
import org.eclipse.jgit.revwalk.RevCommit;
import org.eclipse.jgit.revwalk.RevSort;
import org.eclipse.jgit.revwalk.RevWalk;
import org.eclipse.jgit.storage.file.FileRepositoryBuilder;
import org.eclipse.jgit.treewalk.TreeWalk;
import org.eclipse.jgit.treewalk.filter.AndTreeFilter;
import org.eclipse.jgit.treewalk.filter.PathFilter;
import org.eclipse.jgit.treewalk.filter.TreeFilter;
import org.eclipse.jgit.util.FS;

/** Reads branches, folders and versions of files from a repository. Opened for one call, so that nothing is outdated. */
final class FlowRepository implements AutoCloseable {

    static final String LOCATION_PREFIX = "git+";
    private static final int MAXIMUM_FILE_BYTES = 128 << 20;
    private static final FS NO_HOOKS = new WithoutHooks();

    private final GitSettings settings;
    private final Repository repository;

    private FlowRepository(final GitSettings settings, final Repository repository) {
        this.settings = settings;
        this.repository = repository;
    }

    /**
     * One commit that changed a file.
     *
     * @param id the commit's full hash
     * @param author name of the author
     * @param comment the commit's message
     * @param millis time of the commit since 1970, made to rise with the history
     */
    record Version(String id, String author, String comment, long millis) {
    }

    static boolean isRepository(final Path path) {
        return RepositoryCache.FileKey.isGitRepository(path.toFile(), FS.DETECTED)
                || Files.exists(path.resolve(Constants.DOT_GIT));
    }

    static FlowRepository open(final GitSettings settings) throws FlowRegistryException {
        final Path path = settings.repository();
        if (!isRepository(path)) {
            throw new FlowRegistryException(path + (Files.isDirectory(path) ? " is no git repository" : " does not exist")
                    + ", or NiFi's user may not see it. Put the repository back, or correct '"
                    + ClientProperties.REPOSITORY.getDisplayName() + "' of the registry client");
        }
        final FileRepositoryBuilder builder = new FileRepositoryBuilder().setFS(NO_HOOKS);
        // The .git of a linked working tree is a file; only the builder's own look at a working tree follows it.
        if (Files.exists(path.resolve(Constants.DOT_GIT))) {
            builder.setWorkTree(path.toFile());
        } else {
            builder.setGitDir(path.toFile());
        }
        try {
            return new FlowRepository(settings, builder.setMustExist(true).build());
        } catch (final IOException e) {
            throw Faults.of(settings, "open the repository", e);
        }
    }

    Repository git() {
        return repository;
    }

    GitSettings settings() {
        return settings;
    }

    @Override
    public void close() {
        repository.close();
    }

    /** The names of all branches; where nothing was committed yet, the configured one, which the first commit makes. */
    SortedSet<String> branches() throws IOException {
        final SortedSet<String> names = new TreeSet<>();
        for (final String prefix : prefixes()) {
            for (final Ref ref : repository.getRefDatabase().getRefsByPrefix(prefix)) {
                final String name = ref.getName().substring(prefix.length());
                if (!ref.isSymbolic() && !Constants.HEAD.equals(name)) {
                    names.add(name);
                }
            }
        }
        if (names.isEmpty()) {
            names.add(settings.branch());
        }
        return names;
    }

    /**
     * Finds the newest commit of a branch: the local one, or the remote's where that is further.
     *
     * @param branch name of the branch
     * @return the commit, or null where the repository has no commits yet
     * @throws FlowRegistryException where there is no such branch, or local and remote one have parted
     */
    ObjectId tip(final String branch) throws FlowRegistryException, IOException {
        final ObjectId local = local(branch);
        final ObjectId tracked = tracked(branch);
        if (local == null && tracked == null) {
            final SortedSet<String> known = branches();
            if (known.equals(new TreeSet<>(List.of(branch))) || repository.getRefDatabase().getRefsByPrefix(Constants.R_HEADS).isEmpty()
                    && settings.remote() == null) {
                return null;
            }
            throw new FlowRegistryException(settings.repository() + " has no branch '" + branch + "', but "
                    + String.join(", ", known) + ". Choose one of them, or make it with `git -C " + settings.repository()
                    + " branch " + branch + "`");
        }
        if (local == null || tracked == null || local.equals(tracked)) {
            return local == null ? tracked : local;
        }
        try (RevWalk walk = new RevWalk(repository)) {
            final RevCommit ours = walk.parseCommit(local);
            final RevCommit theirs = walk.parseCommit(tracked);
            if (walk.isMergedInto(ours, theirs)) {
                return tracked;
            }
            if (walk.isMergedInto(theirs, ours)) {
                return local;
            }
        }
        throw new FlowRegistryException("Branch '" + branch + "' of " + settings.repository() + " and '" + settings.remote()
                + "/" + branch + "' have parted: each has commits that the other lacks. Bring them together with `git -C "
                + settings.repository() + " pull --rebase " + settings.remote() + " " + branch + "`, then try again");
    }

    ObjectId local(final String branch) throws IOException {
        return id(Constants.R_HEADS + branch);
    }

    ObjectId tracked(final String branch) throws IOException {
        return settings.remote() == null ? null : id(tracking(branch));
    }

    String tracking(final String branch) {
        return Constants.R_REMOTES + settings.remote() + "/" + branch;
    }

    /** The folders inside a folder at a commit, or the files, by name. */
    SortedSet<String> names(final ObjectId commit, final String folder, final boolean folders) throws IOException {
        final SortedSet<String> names = new TreeSet<>();
        if (commit == null) {
            return names;
        }
        try (RevWalk walk = new RevWalk(repository); TreeWalk tree = new TreeWalk(repository)) {
            ObjectId root = walk.parseTree(commit);
            if (!folder.isEmpty()) {
                try (TreeWalk below = TreeWalk.forPath(repository, folder, root)) {
                    if (below == null || !FileMode.TREE.equals(below.getFileMode())) {
                        return names;
                    }
                    root = below.getObjectId(0);
                }
            }
            tree.addTree(root);
            while (tree.next()) {
                final FileMode mode = tree.getFileMode();
                if (folders ? FileMode.TREE.equals(mode) : mode.getObjectType() == Constants.OBJ_BLOB && !FileMode.SYMLINK.equals(mode)) {
                    names.add(tree.getNameString());
                }
            }
        }
        return names;
    }

    /** The blob of a file at a commit, or null where the commit has no such file. */
    ObjectId blob(final AnyObjectId commit, final String file) throws IOException {
        if (commit == null) {
            return null;
        }
        try (RevWalk walk = new RevWalk(repository);
                TreeWalk found = TreeWalk.forPath(repository, file, walk.parseTree(commit))) {
            final boolean isFile = found != null && found.getFileMode().getObjectType() == Constants.OBJ_BLOB
                    && !FileMode.SYMLINK.equals(found.getFileMode());
            return isFile ? found.getObjectId(0) : null;
        }
    }

    byte[] content(final ObjectId blob) throws IOException {
        try {
            return repository.open(blob, Constants.OBJ_BLOB).getCachedBytes(MAXIMUM_FILE_BYTES);
        } catch (final LargeObjectException e) {
            throw new IOException("the file is larger than " + (MAXIMUM_FILE_BYTES >> 20) + " MB and is no flow", e);
        }
    }

    /** The commits that changed a file and left it there, newest first. */
    List<Version> versions(final ObjectId tip, final String file) throws IOException {
        final List<RevCommit> commits = new ArrayList<>();
        if (tip != null) {
            try (RevWalk walk = new RevWalk(repository)) {
                // Topological: clocks of several machines may disagree, parents come first all the same.
                walk.sort(RevSort.TOPO);
                walk.setTreeFilter(AndTreeFilter.create(PathFilter.create(file), TreeFilter.ANY_DIFF));
                walk.markStart(walk.parseCommit(tip));
                // Not a for loop: the iterator turns a damaged object into an unchecked exception.
                for (RevCommit commit = walk.next(); commit != null; commit = walk.next()) {
                    walk.parseBody(commit);
                    if (blob(commit, file) != null) {
                        commits.add(commit);
                    }
                }
            }
        }
        final List<Version> versions = new ArrayList<>();
        long previous = Long.MIN_VALUE;
        for (final RevCommit commit : commits.reversed()) {
            // NiFi sorts by time, and git's times have seconds only.
            previous = Math.max(commit.getCommitTime() * 1000L, previous + 1);
            versions.add(new Version(commit.name(), commit.getAuthorIdent().getName(), commit.getFullMessage().strip(), previous));
        }
        return versions.reversed();
    }

    /** Names of tags by the version of the file that they hold: the last one at or before the tagged commit. */
    Map<String, List<String>> tags(final String file) throws IOException {
        final Map<String, List<String>> tags = new HashMap<>();
        final Map<ObjectId, Optional<String>> found = new HashMap<>();
        for (final Ref ref : repository.getRefDatabase().getRefsByPrefix(Constants.R_TAGS)) {
            final ObjectId target = commit(ref.getObjectId());
            if (target == null) {
                continue;
            }
            Optional<String> version = found.get(target);
            if (version == null) {
                version = lastChange(target, file);
                found.put(target, version);
            }
            version.ifPresent(id -> tags.computeIfAbsent(id, key -> new ArrayList<>())
                    .add(Repository.shortenRefName(ref.getName())));
        }
        return tags;
    }

    /** Without the topological order of {@link #versions}, which takes a walk through the whole history for each tag. */
    private Optional<String> lastChange(final ObjectId commit, final String file) throws IOException {
        if (blob(commit, file) == null) {
            return Optional.empty();
        }
        try (RevWalk walk = new RevWalk(repository)) {
            walk.setTreeFilter(AndTreeFilter.create(PathFilter.create(file), TreeFilter.ANY_DIFF));
            walk.markStart(walk.parseCommit(commit));
            return Optional.ofNullable(walk.next()).map(RevCommit::name);
        }
    }

    /**
     * Finds the commit that a user means.
     *
     * @param text a commit's hash, whole or short, or the name of a tag
     * @return the commit, or null where there is none
     */
    ObjectId resolve(final String text) throws IOException {
        if (text.matches("[0-9a-fA-F]{7,64}")) {
            final ObjectId found = commit(repository.resolve(text));
            if (found != null) {
                return found;
            }
        }
        final Ref tag = Repository.isValidRefName(Constants.R_TAGS + text) ? repository.exactRef(Constants.R_TAGS + text) : null;
        return tag == null ? null : commit(tag.getObjectId());
    }

    /** Where the flows are kept, for the coordinates of nested flows: the remote's address, or else this folder. */
    String location() {
        final String remote = settings.remote() == null ? null : Remote.address(this);
        return LOCATION_PREFIX + (remote == null ? settings.repository().toUri().toString() : remote);
    }

    /** The folder that holds what all linked working trees share. */
    File common() {
        return repository.getCommonDirectory();
    }

    private List<String> prefixes() {
        return settings.remote() == null ? List.of(Constants.R_HEADS)
                : List.of(Constants.R_HEADS, Constants.R_REMOTES + settings.remote() + "/");
    }

    private ObjectId id(final String name) throws IOException {
        final Ref ref = Repository.isValidRefName(name) ? repository.exactRef(name) : null;
        return ref == null ? null : ref.getObjectId();
    }

    private ObjectId commit(final ObjectId object) throws IOException {
        if (object == null) {
            return null;
        }
        try (RevWalk walk = new RevWalk(repository)) {
            return walk.peel(walk.parseAny(object)) instanceof RevCommit commit ? commit.getId() : null;
        } catch (final MissingObjectException e) {
            return null;
        }
    }
}
