/** Reads texts that are hardly ever different from one message to the next: the last one is remembered. */
export function repeatedText(): (bytes: Buffer) => string {
  let last = Buffer.alloc(0)
  let text = ''
  return (bytes) => {
    if (areEqual(bytes, last)) return text
    // A copy, for what came with a fetch would be kept as a whole.
    last = Buffer.from(bytes)
    text = last.toString()
    return text
  }
}

/** The number in a text of up to 16 digits; undefined for any other text, and beyond what is exact. */
export function digitsOf(bytes: Buffer): number | undefined {
  const { length } = bytes
  if (length === 0 || length > 16) return undefined
  let number = 0
  for (let at = 0; at < length; at++) {
    const digit = (bytes[at] ?? 0) - 48
    if (digit < 0 || digit > 9) return undefined
    number = number * 10 + digit
  }
  return number <= Number.MAX_SAFE_INTEGER ? number : undefined
}

/** Of so few bytes a loop is done before a call into the runtime has begun. */
function areEqual(some: Buffer, others: Buffer): boolean {
  const { length } = some
  if (length !== others.length) return false
  for (let at = 0; at < length; at++) if (some[at] !== others[at]) return false
  return true
}
