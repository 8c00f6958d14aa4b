/** A view of a larger buffer, or of a part of one, is not kept: it would hold on to all of it. */
const largestKeptBytes = 9 * 1024 * 1024

let lastBuffer: Buffer | undefined
let lastNumbers: DataView | undefined

/**
 * The numbers in a buffer. Buffer's own functions check the type and the range of each number, and
 * take some 8 ns for one; these take half of one. A view takes longer to make than that, so that of
 * the last buffer is kept: records are written and read by the hundred.
 */
export function numbersIn(buffer: Buffer): DataView {
  if (buffer === lastBuffer && lastNumbers !== undefined) return lastNumbers
  const numbers = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength)
  if (buffer.buffer.byteLength <= largestKeptBytes) {
    lastBuffer = buffer
    lastNumbers = numbers
  }
  return numbers
}
