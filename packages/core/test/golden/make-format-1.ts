/**
 * Makes the golden directories of format version 1 that are not there yet:
 *
 *   node --conditions=source packages/core/test/golden/make-format-1.ts
 *
 * What is there is never made again, nor changed: it is what that version wrote, and every later one
 * has to read it. A case may be added as long as the format version is 1.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { verifyFileQueue } from '../../src/queue/file/inspect/verify-file-queue.ts'
import { cases } from './support/format-1-cases.ts'
import { GoldenMaker } from './support/golden-maker.ts'

const folder = join(import.meta.dirname, 'format-1')

for (const [index, { name, about, options, context, make }] of cases.entries()) {
  const directory = join(folder, name)
  if (existsSync(directory)) continue
  const maker = new GoldenMaker(index + 1, options, context)
  await make(maker)
  for (const [path, bytes] of maker.files()) {
    mkdirSync(dirname(join(directory, 'queue', path)), { recursive: true })
    writeFileSync(join(directory, 'queue', path), bytes)
  }
  const { log } = await verifyFileQueue({ directory: join(directory, 'queue') })
  const expected = maker.expected(about, log.firstSequence)
  writeFileSync(join(directory, 'expected.json'), `${JSON.stringify(expected, null, 1)}\n`)
  process.stdout.write(`made ${name}\n`)
}
