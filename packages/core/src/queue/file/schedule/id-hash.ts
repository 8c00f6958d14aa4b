/** Hashes are whole numbers from 0 to 2^52 - 1: exact as a 64-bit float. */
const highBits = 20

/**
 * A hash of a record's id, to find the record by. The same in every version of the format. Two ids
 * may share one, so whoever finds a record by it looks at the id as well.
 */
export function hashOfId(id: string): number {
  let low = 0x811c9dc5
  let high = 0x9e3779b9
  for (let at = 0; at < id.length; at++) {
    const unit = id.charCodeAt(at)
    low = Math.imul(low ^ unit, 0x01000193)
    high = Math.imul(high ^ unit, 0x85ebca6b)
    high = (high << 13) | (high >>> 19)
  }
  return (mixed(high ^ low) >>> (32 - highBits)) * 2 ** 32 + mixed(low ^ id.length)
}

/** Lets every bit of the word tell in every other: ids differ in a few places only. */
function mixed(word: number): number {
  let bits = word
  bits = Math.imul(bits ^ (bits >>> 16), 0x7feb352d)
  bits = Math.imul(bits ^ (bits >>> 15), 0x846ca68b)
  return (bits ^ (bits >>> 16)) >>> 0
}
