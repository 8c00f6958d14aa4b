import { bytesOfLastId } from '../../record-id.ts'
import { numbersIn } from './numbers-in.ts'

/** Bytes of a UUID in binary. */
export const uuidBytes = 16

/** Up to so many characters, as most keys have, a loop is faster than a call into native code. */
const shortText = 32

const dash = 45
const notHex = 255
const hexDigits = '0123456789abcdef'
const hexValues = new Uint8Array(128).fill(notHex)
for (let value = 0; value < 16; value++) hexValues[hexDigits.charCodeAt(value)] = value

/** Writes a UUID in canonical (lower case) form as 16 bytes. False, if the text is no such thing. */
export function writeUuid(text: string, into: Buffer, at: number): boolean {
  const made = bytesOfLastId(text)
  if (made !== undefined) {
    for (let index = 0; index < uuidBytes; index++) into[at + index] = made[index] ?? 0
    return true
  }
  return text.length === 36 && readHex(text, into, at)
}

function readHex(text: string, into: Buffer, at: number): boolean {
  let seen = 0
  let to = at
  for (let from = 0; from < 36; from += 2) {
    if (from === 8 || from === 13 || from === 18 || from === 23) {
      if (text.charCodeAt(from) !== dash) return false
      from += 1
    }
    const high = hexValueOf(text.charCodeAt(from))
    const low = hexValueOf(text.charCodeAt(from + 1))
    seen |= high | low
    into[to++] = (high << 4) | low
  }
  return seen < 16
}

function hexValueOf(code: number): number {
  return hexValues[code] ?? notHex
}

/**
 * Writes a string behind its length and answers where it ends. UTF-8, but UTF-16 where there are
 * lone surrogates, which UTF-8 would replace: two different keys must not become one. The length
 * is twice the number of bytes, plus one for UTF-16. There must be room for 4 bytes and
 * 3 more for each of `text.length`.
 */
export function writeText(text: string, into: Buffer, at: number): number {
  if (text.length <= shortText && writeAscii(text, into, at + 4)) {
    numbersIn(into).setUint32(at, text.length * 2, true)
    return at + 4 + text.length
  }
  const bytes = into.write(text, at + 4)
  if (bytes === text.length || text.isWellFormed()) {
    numbersIn(into).setUint32(at, bytes * 2, true)
    return at + 4 + bytes
  }
  const wideBytes = into.write(text, at + 4, 'utf16le')
  numbersIn(into).setUint32(at, wideBytes * 2 + 1, true)
  return at + 4 + wideBytes
}

/** False, with some of it written, if the text is not all ASCII. */
function writeAscii(text: string, into: Buffer, at: number): boolean {
  let seen = 0
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    seen |= code
    into[at + index] = code
  }
  return seen < 128
}

/** Where the text at `at` ends. */
export function textEnd(from: Buffer, at: number): number {
  return at + 4 + (numbersIn(from).getUint32(at, true) >>> 1)
}

export function readText(from: Buffer, at: number): string {
  const length = numbersIn(from).getUint32(at, true)
  const start = at + 4
  const end = start + (length >>> 1)
  if ((length & 1) === 1) return from.toString('utf16le', start, end)
  const isShort = end - start <= shortText
  return (isShort ? readAscii(from, start, end) : undefined) ?? from.toString('utf8', start, end)
}

/** For each length of a short text the codes of its characters, written over by the next one. */
const codesOf = Array.from({ length: shortText + 1 }, (_, length) =>
  new Array<number>(length).fill(0),
)

/** Undefined if the text is not all ASCII. */
function readAscii(from: Buffer, start: number, end: number): string | undefined {
  const codes = codesOf[end - start] as number[]
  let seen = 0
  for (let index = 0; index < codes.length; index++) {
    const code = from[start + index] ?? 0
    seen |= code
    codes[index] = code
  }
  return seen < 128 ? String.fromCharCode.apply(null, codes) : undefined
}

let repeated = ''

/** As `readText`, for a text that nearly all records have in common: it is not decoded each time. */
export function readRepeatedText(from: Buffer, at: number): string {
  if (!isAscii(repeated, from, at)) repeated = readText(from, at)
  return repeated
}

/** True if the text at `at` is this one, and ASCII. */
function isAscii(text: string, from: Buffer, at: number): boolean {
  if (numbersIn(from).getUint32(at, true) !== text.length * 2) return false
  for (let index = 0; index < text.length; index++) {
    const byte = from[at + 4 + index] ?? 0
    if (byte !== text.charCodeAt(index) || byte >= 128) return false
  }
  return true
}
