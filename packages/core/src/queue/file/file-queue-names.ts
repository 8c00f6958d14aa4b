import { createHash } from 'node:crypto'
import { WalError } from '../../errors.ts'

/** Longest name that is kept whole; file systems take 255 bytes, and extensions are added. */
const longestName = 200

/** Names that Windows keeps for devices, whatever the extension. */
const deviceName = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/

/**
 * The name of a namespace or target as the name of a file, the same for no two names, also where
 * the file system takes upper and lower case for one: every byte but a to z, 0 to 9, `-`, `_`, and
 * dots inside becomes `%` and two digits. A name that gets too long is cut, and told by its hash.
 */
export function fileNameOf(name: string): string {
  if (name === '' || /\p{Surrogate}/u.test(name)) {
    throw new WalError(
      'ERR_CONFIG',
      `${JSON.stringify(name)} cannot be the name of a directory or file: it is empty, or not ` +
        'well-formed text.',
    )
  }
  let encoded = ''
  for (const byte of Buffer.from(name)) {
    const character = String.fromCharCode(byte)
    encoded += /[a-z0-9_.-]/.test(character) ? character : escaped(byte)
  }
  encoded = encoded.replace(/^\.|\.$/g, escaped(0x2e))
  if (deviceName.test(encoded)) encoded = escaped(encoded.charCodeAt(0)) + encoded.slice(1)
  if (encoded.length <= longestName) return encoded
  // No other name has a `~`, so that a hash is never mistaken for the end of a longer name.
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 40)
  return `${encoded.slice(0, longestName - 41)}~${hash}`
}

function escaped(byte: number): string {
  return `%${byte.toString(16).padStart(2, '0')}`
}
