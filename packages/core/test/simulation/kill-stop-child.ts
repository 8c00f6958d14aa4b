/**
 * A process that owns a directory, writes one record after the other, and delivers them to a file
 * until it is told to end by SIGTERM. By SIGUSR2 it is told to block its event loop until there is
 * a file `unblock` in the directory.
 * Says `open`, or with which error it was refused.
 */
import { appendFileSync, existsSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { createWal, fanOut, isWalError, type } from '../../src/index.ts'

const { directory, name }: { readonly directory: string; readonly name: string } = JSON.parse(
  process.argv[2] ?? '{}',
)

function say(line: string): void {
  writeSync(1, `${line}\n`)
}

/** The longest it stays blocked, in ms: less than a write waits. */
const longestBlockMs = 25_000

let isEnding = false
process.on('SIGTERM', () => {
  isEnding = true
})
process.on('SIGUSR2', () => {
  say('blocked')
  const nobody = new Int32Array(new SharedArrayBuffer(4))
  const blockedAt = performance.now()
  while (!existsSync(join(directory, 'unblock'))) {
    if (performance.now() - blockedAt > longestBlockMs) break
    Atomics.wait(nobody, 0, 0, 20)
  }
  say('unblocked')
})

try {
  const wal = await createWal({
    directory: join(directory, 'wal'),
    namespaces: {
      films: fanOut({
        payload: type<string>(),
        targets: {
          store: {
            idempotency: 'version',
            async apply(records) {
              const lines = records.map((record) => `${record.payload}\n`)
              appendFileSync(join(directory, 'store'), lines.join(''))
            },
          },
        },
      }),
    },
  })
  wal.on('error', ({ error }) => say(`error ${error.code}`))
  await wal.start()
  say('open')
  for (let number = 1; !isEnding; number++) {
    await wal.write('films', { key: 'one', payload: `${name} ${number}` })
    say(`written ${name} ${number}`)
  }
  await wal.drain()
  await wal.close()
  say('closed')
} catch (error) {
  if (!isWalError(error)) throw error
  say(`refused ${error.code} ${error.message}`)
}
