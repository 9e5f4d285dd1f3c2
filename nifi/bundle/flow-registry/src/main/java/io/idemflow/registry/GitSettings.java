package io.idemflow.registry;

import java.nio.file.Path;
import java.time.Duration;

/**
 * What a user set on the canvas.
 *
 * @param repository folder of the repository: a working tree or a bare repository, absolute
 * @param branch branch that is used where NiFi names none
 * @param directory folder of the buckets inside the repository, with slashes, empty for the root
 * @param bucket bucket to offer even where it has no folder yet, or null
 * @param remote name of a git remote of that repository, or null to stay on this machine
 * @param fetchInterval how old what was fetched may be when a state is read
 * @param username user at the remote, or null
 * @param password password or token at the remote, or null
 * @param privateKey file of an ssh key, or null
 * @param passphrase passphrase of that key, or null
 * @param knownHosts file with the ssh hosts that are trusted, or null
 * @param lines whether text of several lines is written as an array of lines
 */
record GitSettings(
        Path repository,
        String branch,
        String directory,
        String bucket,
        String remote,
        Duration fetchInterval,
        String username,
        String password,
        Path privateKey,
        String passphrase,
        Path knownHosts,
        boolean lines) {

    /** Without the secrets: a record's own text form would show them. */
    @Override
    public String toString() {
        return "GitSettings[repository=" + repository + ", branch=" + branch + ", directory=" + directory
                + ", remote=" + remote + "]";
    }

    /**
     * @param bucket a checked bucket name
     * @return the bucket's folder inside the repository
     */
    String folder(final String bucket) {
        return directory.isEmpty() ? bucket : directory + "/" + bucket;
    }

    /**
     * @param bucket a checked bucket name
     * @param flow a checked flow identifier
     * @return the flow's file inside the repository
     */
    String file(final String bucket, final String flow) {
        return folder(bucket) + "/" + flow + Names.ENDING;
    }
}
