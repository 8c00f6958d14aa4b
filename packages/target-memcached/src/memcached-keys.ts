import { Buffer } from 'node:buffer'
import { permanent } from '@daybook/core'

/** Longest key, in bytes. Source: https://github.com/memcached/memcached/blob/master/doc/protocol.txt */
const longestKeyBytes = 250

/** White space and control characters end a key in the protocol; the percent sign marks one that was replaced. */
const special = /[\p{Cc}\s%]/gu

/** Keys that are as they are, as nearly all are. */
const plain = /^[!-$&-~]{1,250}$/

/**
 * The name of a key in memcached: the same, with white space, control characters and percent signs as in
 * an address (`%20`), so that no two keys share a name. Throws the outcome `permanent` where it is too long.
 */
export function itemKeyOf(key: string | undefined, rename: (key: string) => string): string {
  if (key === undefined)
    throw permanent('no_key', 'memcached needs a key, and the record has none.')
  const renamed = rename(key)
  if (typeof renamed === 'string' && plain.test(renamed)) return renamed
  if (typeof renamed !== 'string' || renamed === '') {
    throw permanent('bad_key', `\`key\` made no key of ${JSON.stringify(key)}.`)
  }
  const name = renamed.toWellFormed().replace(special, encodeURIComponent)
  const bytes = Buffer.byteLength(name)
  if (bytes <= longestKeyBytes) return name
  throw permanent(
    'bad_key',
    `The key has ${bytes} bytes, and memcached takes ${longestKeyBytes}. Give a \`key\` that makes a shorter one, a hash say.`,
  )
}
