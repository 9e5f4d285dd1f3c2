package io.idemflow.registry;

/**
 * Where a flow is kept.
 *
 * @param branch name of the branch
 * @param bucket checked identifier of the bucket
 * @param flow checked identifier of the flow
 * @param file path of its file in the repository
 */
record Place(String branch, String bucket, String flow, String file) {

    /** Distinguishes flows in memory: no part may hold a line feed. */
    String key() {
        return branch + "\n" + file;
    }

    /** What people call it. */
    String title() {
        return bucket + "/" + Names.decode(flow);
    }
}
