/**
 * A file queue in another process. `open` says `open`, or the error's code and message; `work`
 * goes on putting dead letters, beginning attempts and acking, and says what is certain by then.
 */
import { systemClock } from '../../../../src/clock.ts'
import { isWalError } from '../../../../src/errors.ts'
import { fileQueue } from '../../../../src/queue/file/file-queue.ts'
import { systemRandom } from '../../../../src/random.ts'
import { makeDeadLetter, makeStoredRecord } from '../../../../src/testing/make-record.ts'

const [, , directory, mode] = process.argv
const queue = fileQueue({ directory })

function say(message: unknown): void {
  process.send?.(message)
}

async function open(): Promise<void> {
  await queue.open({
    namespace: 'titles',
    targets: ['search'],
    directory: undefined,
    clock: systemClock,
    random: systemRandom,
    reportError: (error) => say({ code: error.code, message: error.message }),
  })
}

/** Per record: send, pull, begin an attempt, and then ack it, dead-letter it, or leave it. */
async function work(): Promise<void> {
  const producer = await queue.producer()
  const consumer = await queue.consumer('search')
  const letters = await queue.deadLetters()
  const signal = new AbortController().signal
  for (let count = 0; ; count++) {
    const record = makeStoredRecord()
    await producer.send([record])
    const deliveries = await consumer.pull({ maxRecords: 10, maxBytes: 1 << 20, signal })
    await consumer.beginAttempts?.(deliveries)
    for (const { record } of deliveries) say({ begun: record.id })
    if (count % 3 === 0) {
      const letter = makeDeadLetter({ record })
      await letters?.put([letter])
      say({ dead: letter.id })
    }
    if (count % 2 === 0) {
      for (const { record } of deliveries) say({ acking: record.id })
      await consumer.ack(deliveries)
    }
  }
}

try {
  await open()
  say('open')
  process.on('disconnect', () => process.exit())
  if (mode === 'work') await work()
} catch (error) {
  if (!isWalError(error)) throw error
  say({ code: error.code, message: error.message })
  process.disconnect?.()
}
