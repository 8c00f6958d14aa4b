import { Buffer } from 'node:buffer'

/** Ends of the keys that hold versions; two, so that `a` and `{a}` never share one. */
const suffix = ':daybook'
const taggedSuffix = ':daybook-version'

/** The number of slots of a Redis Cluster. Source: https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/ */
const slots = 16_384

/** True for a key that this target may have made for a version. */
export function isVersionKey(key: string): boolean {
  return key.endsWith(suffix) || key.endsWith(taggedSuffix) || key.startsWith(slotPrefix)
}

const slotPrefix = 'daybook:{'

/**
 * The key that holds the version of a key's value. Always in the slot of that key, as a script may
 * touch one slot only: by the hash tag that the key has, or with the key as a tag.
 */
export function versionKeyOf(key: string): string {
  if (tagOf(key) !== undefined) return `${key}${taggedSuffix}`
  if (!key.includes('}')) return `{${key}}${suffix}`
  // It has a brace that would end the tag too early: another tag that leads to the same slot.
  return `${slotPrefix}${tagOfSlot(slotOf(key))}}:${key}`
}

/** The slot of a Redis Cluster in which a key lies. */
export function slotOf(key: string): number {
  return crc16(Buffer.from(tagOf(key) ?? key)) % slots
}

/** What stands between the first `{` and the next `}`, if there is anything. */
function tagOf(key: string): string | undefined {
  const start = key.indexOf('{')
  const end = start === -1 ? -1 : key.indexOf('}', start + 1)
  return end > start + 1 ? key.slice(start + 1, end) : undefined
}

const tags = new Map<number, string>()
let nextTag = 0

/** A short tag of a slot, found by trying numbers; those found on the way are remembered. */
function tagOfSlot(slot: number): string {
  for (;;) {
    const known = tags.get(slot)
    if (known !== undefined) return known
    const tag = (nextTag++).toString(36)
    const found = slotOf(tag)
    if (!tags.has(found)) tags.set(found, tag)
  }
}

/** CRC-16/XMODEM, bit by bit: it is needed for odd keys only. */
function crc16(bytes: Uint8Array): number {
  let crc = 0
  for (const byte of bytes) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) {
      crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021
      crc &= 0xffff
    }
  }
  return crc
}
