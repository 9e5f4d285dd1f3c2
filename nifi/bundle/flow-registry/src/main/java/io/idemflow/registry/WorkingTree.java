package io.idemflow.registry;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import org.apache.nifi.registry.flow.FlowRegistryException;
import org.eclipse.jgit.dircache.DirCache;
import org.eclipse.jgit.dircache.DirCacheEditor;
import org.eclipse.jgit.dircache.DirCacheEntry;
import org.eclipse.jgit.lib.Constants;
import org.eclipse.jgit.lib.FileMode;
import org.eclipse.jgit.lib.ObjectId;
import org.eclipse.jgit.lib.ObjectInserter;
import org.eclipse.jgit.lib.Repository;
import org.eclipse.jgit.lib.RepositoryState;
import org.eclipse.jgit.util.FS;

/**
 * Keeps the working tree in step where the branch is checked out: one file and its entry in the index, nothing else.
 *
 * <p>The index stays locked, as by git itself, from the look at the file to the end of the commit. The file is written
 * before the branch moves: a NiFi that is killed in between leaves an uncommitted change that the next commit of the
 * same flow takes along.
 */
final class WorkingTree implements AutoCloseable {

    private final FlowRepository source;
    private final Repository repository;
    private final DirCache index;
    private final Path root;
    private final String file;
    private final Path path;
    private byte[] before;
    private boolean written;

    private WorkingTree(final FlowRepository source, final DirCache index, final String file) {
        this.source = source;
        this.repository = source.git();
        this.index = index;
        this.root = repository.getWorkTree().toPath();
        this.file = file;
        this.path = root.resolve(file);
    }

    /**
     * Locks the index where the branch is checked out here.
     *
     * @param source the repository
     * @param branch the branch that will get a commit
     * @param file the file that will change
     * @return the working tree, or null where the branch is not checked out
     * @throws FlowRegistryException where it is checked out elsewhere, or git is in the middle of something
     */
    static WorkingTree lock(final FlowRepository source, final String branch, final String file)
            throws FlowRegistryException, IOException {
        final Repository repository = source.git();
        final String other = elsewhere(source, branch);
        if (other != null) {
            throw new FlowRegistryException("Branch '" + branch + "' is checked out in the linked working tree " + other
                    + ". Nothing was committed. Set '" + ClientProperties.REPOSITORY.getDisplayName() + "' to that folder, "
                    + "or check out another branch there");
        }
        if (!isCheckedOut(repository, branch)) {
            return null;
        }
        final RepositoryState state = repository.getRepositoryState();
        if (state != RepositoryState.SAFE && state != RepositoryState.BISECTING) {
            throw new FlowRegistryException(repository.getWorkTree() + " is in the middle of something (" + state.getDescription()
                    + "). Nothing was committed. Finish or abort it there with git, then commit again");
        }
        return new WorkingTree(source, repository.lockDirCache(), file);
    }

    /**
     * Whether the index has an earlier version of a file than the branch that is checked out.
     *
     * @param source the repository
     * @param branch the branch
     * @param file the file
     * @param blob the file's blob at the branch, or null
     * @return true where git would show the earlier version as a staged change
     */
    static boolean isIndexBehind(final FlowRepository source, final String branch, final String file, final ObjectId blob)
            throws IOException {
        final Repository repository = source.git();
        if (!isCheckedOut(repository, branch)) {
            return false;
        }
        final DirCacheEntry entry = repository.readDirCache().getEntry(file);
        return entry != null && entry.isMerged() && !entry.getObjectId().equals(blob) && isOld(source, file, entry.getObjectId());
    }

    private static boolean isCheckedOut(final Repository repository, final String branch) throws IOException {
        return !repository.isBare() && (Constants.R_HEADS + branch).equals(repository.getFullBranch());
    }

    /**
     * Makes sure that no change of a person is overwritten, then writes the file.
     *
     * @param base the file's blob at the branch, or null
     * @param target the blob to come, or null to delete the file
     * @param content its bytes, or null to delete the file
     * @throws FlowRegistryException where the file has changes that are not committed
     */
    void write(final ObjectId base, final ObjectId target, final byte[] content) throws FlowRegistryException, IOException {
        final DirCacheEntry entry = index.getEntry(file);
        if (entry != null && !entry.isMerged()) {
            throw uncommitted("is in the middle of a merge conflict");
        }
        refuseLinks();
        final boolean present = Files.exists(path, LinkOption.NOFOLLOW_LINKS);
        if (present && !Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS)) {
            throw uncommitted("is no regular file in the working tree");
        }
        final boolean skipped = entry != null && entry.isSkipWorkTree();
        before = present ? Files.readAllBytes(path) : null;
        final ObjectId current = present ? blob(before, base, target) : null;
        if (!skipped && !Objects.equals(current, base) && !Objects.equals(current, target)) {
            throw uncommitted(base == null ? "is in the working tree and not under git's control"
                    : present ? "has changes in the working tree that are not committed" : "was deleted in the working tree");
        }
        final ObjectId staged = entry == null ? null : entry.getObjectId();
        if (!Objects.equals(staged, base) && !Objects.equals(staged, target) && !isOld(source, file, staged)) {
            throw uncommitted("has staged changes that are not committed");
        }
        if (!skipped) {
            written = true;
            replace(content);
        }
        edit(index, file, target, skipped ? null : path);
        index.write();
    }

    /** Makes the change of the index final, after the branch has moved. */
    void commit() throws IOException {
        written = false;
        if (!index.commit()) {
            throw new IOException("the index could not be written");
        }
    }

    /** Gives the lock back; where the commit did not come about, the file is as it was before. */
    @Override
    public void close() throws IOException {
        try {
            if (written) {
                replace(before);
            }
        } finally {
            index.unlock();
        }
    }

    private ObjectId blob(final byte[] content, final ObjectId base, final ObjectId target) {
        try (ObjectInserter.Formatter formatter = new ObjectInserter.Formatter()) {
            final ObjectId exact = formatter.idFor(Constants.OBJ_BLOB, content);
            if (exact.equals(base) || exact.equals(target)) {
                return exact;
            }
            // A checkout with core.autocrlf is no change.
            final String text = new String(content, StandardCharsets.ISO_8859_1).replace("\r\n", "\n");
            return formatter.idFor(Constants.OBJ_BLOB, text.getBytes(StandardCharsets.ISO_8859_1));
        }
    }

    /** An earlier version in the index is what a NiFi leaves behind that was killed before the index was written. */
    private static boolean isOld(final FlowRepository source, final String file, final ObjectId staged) throws IOException {
        if (staged == null) {
            return false;
        }
        for (final FlowRepository.Version version : source.versions(source.git().resolve(Constants.HEAD), file)) {
            if (staged.equals(source.blob(ObjectId.fromString(version.id()), file))) {
                return true;
            }
        }
        return false;
    }

    private FlowRegistryException uncommitted(final String problem) {
        return new FlowRegistryException(file + " " + problem + " of " + root + ". Nothing was committed and the file is "
                + "untouched. Commit it there, or put it aside with `git -C " + root + " stash push --include-untracked -- '"
                + file + "'`, then commit again on the canvas");
    }

    private void refuseLinks() throws FlowRegistryException {
        for (Path folder = path.getParent(); !folder.equals(root); folder = folder.getParent()) {
            if (Files.isSymbolicLink(folder) || Files.exists(folder) && !Files.isDirectory(folder)) {
                throw new FlowRegistryException(folder + " is a link or a file where a folder is needed. Nothing was committed. "
                        + "Move it away, then commit again");
            }
        }
    }

    private void replace(final byte[] content) throws IOException {
        if (content == null) {
            Files.deleteIfExists(path);
            return;
        }
        Files.createDirectories(path.getParent());
        // Inside .git, so that a NiFi killed here leaves nothing in the working tree.
        // No temporary file of Java's: those are for the owner's eyes only, whatever the umask says.
        final Path made = repository.getDirectory().toPath().resolve("flow-" + UUID.randomUUID() + ".tmp");
        try {
            Files.write(made, content, StandardOpenOption.CREATE_NEW);
            try {
                Files.move(made, path, StandardCopyOption.ATOMIC_MOVE);
            } catch (final AtomicMoveNotSupportedException e) {
                Files.move(made, path, StandardCopyOption.REPLACE_EXISTING);
            }
        } finally {
            Files.deleteIfExists(made);
        }
    }

    private static String elsewhere(final FlowRepository source, final String branch) throws IOException {
        final File own = source.git().getDirectory().getCanonicalFile();
        final List<File> heads = new ArrayList<>(List.of(source.common()));
        final File[] linked = new File(source.common(), "worktrees").listFiles(File::isDirectory);
        if (linked != null) {
            heads.addAll(List.of(linked));
        }
        for (final File directory : heads) {
            final Path head = directory.toPath().resolve(Constants.HEAD);
            if (directory.getCanonicalFile().equals(own) || !Files.isRegularFile(head)) {
                continue;
            }
            final boolean bare = directory.equals(source.common()) && !directory.getName().equals(Constants.DOT_GIT);
            if (!bare && Files.readString(head).strip().equals("ref: " + Constants.R_HEADS + branch)) {
                final Path link = directory.toPath().resolve("gitdir");
                return Files.isRegularFile(link) ? Path.of(Files.readString(link).strip()).getParent().toString() : directory.getParent();
            }
        }
        return null;
    }

    /**
     * Changes a file's entry in an index.
     *
     * @param blob the file's content, or null to take the entry out
     * @param path the file in the working tree, or null where it is in none
     */
    static void edit(final DirCache index, final String file, final ObjectId blob, final Path path) {
        final DirCacheEditor editor = index.editor();
        editor.add(blob == null ? new DirCacheEditor.DeletePath(file) : new DirCacheEditor.PathEdit(file) {
            @Override
            public void apply(final DirCacheEntry entry) {
                entry.setFileMode(FileMode.REGULAR_FILE);
                entry.setObjectId(blob);
                if (path != null) {
                    entry.setLength(path.toFile().length());
                    entry.setLastModified(FS.DETECTED.lastModifiedInstant(path));
                }
            }
        });
        editor.finish();
    }
}
