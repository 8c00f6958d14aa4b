/**
 * Blocks every thread of its pool by opening FIFOs that nobody writes to, and then writes to one file
 * after another until one write is done, which takes a thread outside of the pool. Says so, frees
 * the pool when told to, and ends well if all of the writes were done then.
 */
import { closeSync, constants, open, openSync, readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { writeDurably } from '../../../../src/queue/file/durable-write.ts'
import { nodeFileSystem } from '../../../../src/queue/file/node-file-system.ts'

const directory = process.argv[2] ?? ''
const names = Array.from({ length: 100 }, (_, index) => `${directory}/file-${index}`)
const files = await Promise.all(names.map((name) => nodeFileSystem.create(name)))
// Opens what else it may need.
for (const file of files) await writeDurably(file, Buffer.from('....'), 0)

for (let number = 1; number <= 4; number++) {
  open(`${directory}/fifo-${number}`, constants.O_RDONLY, () => {})
}
const writes: Promise<void>[] = []
let isWritten = false
for (const file of files) {
  const written = writeDurably(file, Buffer.from('text'), 0)
  writes.push(written)
  void written.then(() => {
    isWritten = true
  })
  await wait(50)
  if (isWritten) break
}
process.send?.(isWritten ? 'written while blocked' : 'nothing was written')
process.once('message', async () => {
  for (let number = 1; number <= 4; number++) {
    closeSync(openSync(`${directory}/fifo-${number}`, constants.O_WRONLY))
  }
  await Promise.all(writes)
  const texts = names.slice(0, writes.length).map((name) => readFileSync(name, 'latin1'))
  process.exit(texts.every((text) => text === 'text') ? 0 : 1)
})
