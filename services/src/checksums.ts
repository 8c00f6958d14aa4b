import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageDirectory } from './paths.ts'

// Maven compares each file with the checksum that lies beside it, at the place it comes from: that
// finds a broken download, and not a file that is another than the one we tried. So the sums of all
// files, also of those that Maven adds by itself, are in this repository.

/** The file with the SHA-256 of each jar of a server, in the format of `sha256sum`. */
export const sumsFile = (name: string): string =>
  join(packageDirectory, 'checksums', `${name}.sha256`)

/** The sums on record; none for a server that was never fetched. */
export function recordedSums(name: string): string {
  const file = sumsFile(name)
  return existsSync(file) ? readFileSync(file, 'utf8') : ''
}

/** The sums of a folder's files, as they are written into {@link sumsFile}. */
export function sumsOf(directory: string): string {
  return readdirSync(directory)
    .sort()
    .map((file) => {
      const sum = createHash('sha256')
        .update(readFileSync(join(directory, file)))
        .digest('hex')
      return `${sum}  ${file}\n`
    })
    .join('')
}

/** Throws unless a folder holds exactly the files whose sums are on record. */
export function checkSums(name: string, directory: string): void {
  const expected = new Set(lines(recordedSums(name)))
  const found = new Set(lines(sumsOf(directory)))
  const wrong = [...found].filter((line) => !expected.has(line)).map((line) => `  is       ${line}`)
  const missing = [...expected]
    .filter((line) => !found.has(line))
    .map((line) => `  expected ${line}`)
  if (wrong.length + missing.length === 0) return
  throw new Error(
    `The files of ${name} are not the ones on record (services/checksums/${name}.sha256). Remove them ` +
      `from Maven's local repository and try again. Where a version was changed on purpose: npm run ` +
      `services pin ${name}\n${[...wrong, ...missing].join('\n')}`,
  )
}

const lines = (text: string): readonly string[] => text.split('\n').filter((line) => line !== '')
