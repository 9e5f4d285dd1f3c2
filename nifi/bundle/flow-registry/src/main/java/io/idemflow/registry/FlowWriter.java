package io.idemflow.registry;

import java.io.File;
import java.io.IOException;
import java.nio.file.InvalidPathException;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.apache.nifi.logging.ComponentLog;
import org.apache.nifi.registry.flow.FlowRegistryException;
import org.eclipse.jgit.dircache.DirCache;
import org.eclipse.jgit.dircache.DirCacheBuilder;
import org.eclipse.jgit.dircache.DirCacheEntry;
import org.eclipse.jgit.errors.LockFailedException;
import org.eclipse.jgit.lib.CommitBuilder;
import org.eclipse.jgit.lib.Constants;
import org.eclipse.jgit.lib.FileMode;
import org.eclipse.jgit.lib.ObjectId;
import org.eclipse.jgit.lib.ObjectInserter;
import org.eclipse.jgit.lib.PersonIdent;
import org.eclipse.jgit.lib.RefUpdate;
import org.eclipse.jgit.revwalk.RevTree;
import org.eclipse.jgit.revwalk.RevWalk;
import org.eclipse.jgit.treewalk.TreeWalk;

/**
 * Commits one file onto a branch.
 *
 * <p>The branch is moved by compare-and-swap: where somebody else committed meanwhile, the change is put on top of
 * theirs, unless they changed the same file. With a remote, the remote's branch decides and the local one follows.
 */
final class FlowWriter {

    private static final Duration PATIENCE = Duration.ofSeconds(5);
    private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(25);

    private final FlowRepository source;
    private final GitSettings settings;
    private final ComponentLog log;

    FlowWriter(final FlowRepository source, final ComponentLog log) {
        this.source = source;
        this.settings = source.settings();
        this.log = log;
    }

    /**
     * A change of one file.
     *
     * @param branch branch to commit to
     * @param file path in the repository
     * @param content new bytes, or null to delete the file
     * @param check looks at the branch's commit that the change is put on (null in an empty repository), and refuses a
     *     conflict; called again for each attempt
     * @param author author and committer
     * @param message the commit's message
     */
    record Change(String branch, String file, byte[] content, Check check, PersonIdent author, String message) {
    }

    /** Refuses a change that does not fit the commit it would be put on. */
    interface Check {
        void at(ObjectId tip) throws FlowRegistryException, IOException;
    }

    /**
     * Commits a change.
     *
     * @param change the change
     * @return the hash of the commit; where the file has this content already, of the commit that gave it
     * @throws FlowRegistryException where nothing was committed; says why and what to do
     */
    String commit(final Change change) throws FlowRegistryException {
        final long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (true) {
            try {
                final String version = attempt(change);
                if (version != null) {
                    return version;
                }
                if (System.nanoTime() > deadline) {
                    throw new FlowRegistryException("Branch '" + change.branch() + "' of " + settings.repository()
                            + " does not come to rest: others commit all the time. Nothing was committed. Try again");
                }
            } catch (final LockFailedException e) {
                if (System.nanoTime() > deadline) {
                    throw Faults.of(settings, "commit " + change.file(), e);
                }
            } catch (final IOException e) {
                throw Faults.of(settings, "commit " + change.file(), e);
            } catch (final InvalidPathException e) {
                throw new FlowRegistryException("NiFi's Java cannot write a file named " + change.file() + " in its locale. "
                        + "Nothing was committed. Start NiFi with LC_ALL=C.UTF-8, or rename the file with git", e);
            }
            LockSupport.parkNanos(PAUSE_NANOS);
        }
    }

    /** Tries once. Null means that somebody else was faster and that another attempt makes sense. */
    private String attempt(final Change change) throws FlowRegistryException, IOException {
        final Remote remote = settings.remote() == null ? null : new Remote(source);
        if (remote != null) {
            remote.fetch();
        }
        final ObjectId tip = source.tip(change.branch());
        change.check().at(tip);
        final ObjectId base = source.blob(tip, change.file());
        try (ObjectInserter inserter = source.git().newObjectInserter()) {
            final ObjectId target = change.content() == null ? null : inserter.insert(Constants.OBJ_BLOB, change.content());
            if (target == null ? base == null : target.equals(base)) {
                log.info("{} has this content already, nothing to commit", change.file());
                bringIndexInStep(change, tip, target);
                return source.versions(tip, change.file()).getFirst().id();
            }
            final ObjectId commit = insert(inserter, change, tip, target);
            inserter.flush();
            return publish(change, remote, tip, base, target, commit) ? commit.name() : null;
        }
    }

    /** Ends what a NiFi began that was killed after the branch had moved; a lock that it left is reported. */
    private void bringIndexInStep(final Change change, final ObjectId tip, final ObjectId blob)
            throws FlowRegistryException, IOException {
        if (tip == null || !tip.equals(source.local(change.branch()))
                || !WorkingTree.isIndexBehind(source, change.branch(), change.file(), blob)) {
            return;
        }
        try (WorkingTree tree = WorkingTree.lock(source, change.branch(), change.file())) {
            if (tree != null) {
                tree.write(blob, blob, change.content());
                tree.commit();
            }
        }
    }

    private boolean publish(final Change change, final Remote remote, final ObjectId tip, final ObjectId base,
            final ObjectId target, final ObjectId commit) throws FlowRegistryException, IOException {
        final ObjectId local = source.local(change.branch());
        if (remote != null && tip != null && !tip.equals(local)) {
            // The local branch is behind, or only the remote has it: a person pulls when it suits.
            return remote.push(change.branch(), source.tracked(change.branch()), commit);
        }
        try (WorkingTree tree = WorkingTree.lock(source, change.branch(), change.file())) {
            if (tree != null) {
                tree.write(base, target, change.content());
            }
            if (remote != null && !remote.push(change.branch(), source.tracked(change.branch()), commit)) {
                return false;
            }
            if (!move(change, tip, commit)) {
                if (remote != null) {
                    log.warn("{} is pushed, but the local branch {} moved meanwhile: bring them together with git pull --rebase",
                            commit.name(), change.branch());
                    return true;
                }
                return false;
            }
            if (tree != null) {
                finish(tree, change);
            }
            return true;
        }
    }

    private void finish(final WorkingTree tree, final Change change) {
        try {
            tree.commit();
        } catch (final IOException e) {
            log.warn("{} is committed, but the index of the working tree could not be written: run `git reset -- {}` there",
                    change.file(), change.file(), e);
        }
    }

    private boolean move(final Change change, final ObjectId tip, final ObjectId commit) throws IOException {
        final String name = Constants.R_HEADS + change.branch();
        final RefUpdate update = source.git().updateRef(name);
        update.setNewObjectId(commit);
        update.setExpectedOldObjectId(tip == null ? ObjectId.zeroId() : tip);
        update.setRefLogIdent(change.author());
        update.setRefLogMessage("commit: " + change.message().lines().findFirst().orElse(""), false);
        return switch (update.update()) {
            case NEW, FAST_FORWARD -> true;
            case LOCK_FAILURE, REJECTED -> {
                final ObjectId now = source.local(change.branch());
                if (tip == null ? now == null : tip.equals(now)) {
                    throw new LockFailedException(new File(source.common(), name));
                }
                yield false;
            }
            default -> throw new IOException("git did not move the branch: " + update.getResult());
        };
    }

    private ObjectId insert(final ObjectInserter inserter, final Change change, final ObjectId tip, final ObjectId blob)
            throws FlowRegistryException, IOException {
        final DirCache files = DirCache.newInCore();
        if (tip != null) {
            refuseBlockedPath(tip, change.file());
            final DirCacheBuilder builder = files.builder();
            try (RevWalk walk = new RevWalk(source.git())) {
                builder.addTree(new byte[0], DirCacheEntry.STAGE_0, walk.getObjectReader(), walk.parseTree(tip));
            }
            builder.finish();
        }
        WorkingTree.edit(files, change.file(), blob, null);
        final CommitBuilder commit = new CommitBuilder();
        commit.setTreeId(files.writeTree(inserter));
        if (tip != null) {
            commit.setParentId(tip);
        }
        commit.setAuthor(change.author());
        commit.setCommitter(change.author());
        commit.setMessage(change.message());
        return inserter.insert(commit);
    }

    /** A file or link where a folder is needed, or a folder in the file's place, would silently go. */
    private void refuseBlockedPath(final ObjectId tip, final String file) throws FlowRegistryException, IOException {
        try (RevWalk walk = new RevWalk(source.git())) {
            final RevTree tree = walk.parseTree(tip);
            for (int end = file.indexOf('/'); end > 0; end = file.indexOf('/', end + 1)) {
                refuse(tree, file.substring(0, end), FileMode.TREE);
            }
            refuse(tree, file, FileMode.REGULAR_FILE);
        }
    }

    private void refuse(final RevTree tree, final String path, final FileMode wanted)
            throws FlowRegistryException, IOException {
        try (TreeWalk found = TreeWalk.forPath(source.git(), path, tree)) {
            final FileMode mode = found == null ? wanted : found.getFileMode();
            if (!wanted.equals(mode) && !(wanted == FileMode.REGULAR_FILE && FileMode.EXECUTABLE_FILE.equals(mode))) {
                throw new FlowRegistryException(path + " is in the way: it is no " + (wanted == FileMode.TREE ? "folder" : "file")
                        + " in the repository. Nothing was committed. Rename it with git, or choose another name");
            }
        }
    }
}
