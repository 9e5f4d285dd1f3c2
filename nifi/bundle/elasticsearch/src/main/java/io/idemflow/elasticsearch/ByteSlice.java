package io.idemflow.elasticsearch;

/**
 * A part of a byte array, not copied.
 *
 * @param bytes the array; must not change while the slice is in use
 * @param offset index of the first byte
 * @param length number of bytes
 */
public record ByteSlice(byte[] bytes, int offset, int length) {
}
