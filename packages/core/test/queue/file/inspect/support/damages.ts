import type { SeededRandom } from '../../../../../src/testing/seeded-random.ts'
import type { QueueFiles } from './sample-queue.ts'

/** A way to harm a directory, and what is left of it then. */
export interface Damage {
  readonly what: string
  readonly files: QueueFiles
}

/** Each file with one byte wrong: any that says something. */
export function* wrongBytes(files: QueueFiles): Generator<Damage> {
  for (const [file, at] of telling(files)) {
    const harmed = Buffer.from(files.get(file) as Buffer)
    harmed[at] = ~(harmed[at] as number)
    yield { what: `${file}, byte ${at} wrong`, files: new Map(files).set(file, harmed) }
  }
}

/** Each file cut off before any byte that says something. */
export function* cutFiles(files: QueueFiles): Generator<Damage> {
  for (const [file, at] of telling(files)) {
    const left = (files.get(file) as Buffer).subarray(0, at)
    yield { what: `${file}, cut at ${at}`, files: new Map(files).set(file, left) }
  }
}

/** Every byte of every file; but only some of the zeros that fill up a segment's header. */
function* telling(files: QueueFiles): Generator<readonly [string, number]> {
  for (const [file, bytes] of files) {
    for (let at = 0; at < bytes.length; at++) {
      const isFiller = file.endsWith('.segment') && at >= 100 && at < 4088 && at % 100 !== 0
      if (!isFiller) yield [file, at]
    }
  }
}

/** Any number of files harmed in any way, at once. */
export function harmAtRandom(files: QueueFiles, random: SeededRandom): Damage {
  const left = new Map(files)
  const what: string[] = []
  for (let times = random.integer(1, 4); times > 0; times--) {
    const file = random.pick([...left.keys()])
    const bytes = Buffer.from(left.get(file) as Buffer)
    // Half of the harm goes where most of the bytes are not: behind the header.
    const least = file.endsWith('.segment') && random.chance(0.6) ? 4096 : 0
    const at = random.integer(Math.min(least, bytes.length), bytes.length)
    const to = Math.min(bytes.length, at + random.integer(1, 300))
    const how = random.pick(['wrong', 'zero', 'random', 'cut', 'gone'] as const)
    what.push(`${file} ${how} from ${at} to ${to}`)
    if (how === 'gone') {
      left.delete(file)
      continue
    }
    if (how === 'wrong' && at < bytes.length) bytes[at] = ~(bytes[at] as number)
    if (how === 'zero') bytes.fill(0, at, to)
    if (how === 'random') random.fill(bytes.subarray(at, to))
    left.set(file, how === 'cut' ? bytes.subarray(0, at) : bytes)
  }
  return { what: what.join('; '), files: left }
}
