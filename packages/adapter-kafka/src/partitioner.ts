/**
 * The partition of a key, as Kafka's Java client chooses it: murmur2 of the key's bytes. So all
 * writers of a topic, in whatever language, agree where a key's messages are.
 */
export function partitionOf(key: Buffer, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions
}

const seed = 0x9747b28c
const multiplier = 0x5bd1e995

/** MurmurHash2 of 32 bits, as a signed number. */
export function murmur2(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const whole = bytes.byteLength & ~3
  let hash = seed ^ bytes.byteLength
  for (let at = 0; at < whole; at += 4) {
    let word = Math.imul(view.getInt32(at, true), multiplier)
    word = Math.imul(word ^ (word >>> 24), multiplier)
    hash = Math.imul(hash, multiplier) ^ word
  }
  const rest = bytes.byteLength - whole
  if (rest > 2) hash ^= (bytes[whole + 2] ?? 0) << 16
  if (rest > 1) hash ^= (bytes[whole + 1] ?? 0) << 8
  if (rest > 0) hash = Math.imul(hash ^ (bytes[whole] ?? 0), multiplier)
  hash = Math.imul(hash ^ (hash >>> 13), multiplier)
  return hash ^ (hash >>> 15)
}
