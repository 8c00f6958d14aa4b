import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import {
  createWal,
  defineTarget,
  fanOut,
  fileQueue,
  memoryQueue,
  type Queue,
  type WalError,
} from '../src/index.ts'
import { StrayRecords } from '../src/stray-records.ts'

const directory = mkdtempSync(join(tmpdir(), 'daybook-strays-'))
afterAll(() => rmSync(directory, { recursive: true }))

/** One run of a process in which there are these targets. */
async function run(
  queue: Queue,
  names: readonly string[],
  write?: readonly (string | undefined)[],
) {
  const applied: string[] = []
  const errors: WalError[] = []
  const targetOf = (name: string) =>
    defineTarget.each<number>(async ({ payload }) => void applied.push(`${name} ${payload}`))
  const targets = Object.fromEntries(names.map((name) => [name, targetOf(name)]))
  const wal = await createWal({ directory, namespaces: { titles: fanOut({ queue, targets }) } })
  wal.on('error', ({ error }) => errors.push(error))
  for (const [payload, target] of write?.entries() ?? []) {
    await wal.write('titles', { key: 'a', payload, target })
  }
  if (write === undefined) {
    await wal.start()
    await wal.drain()
  }
  await wal.close()
  return { applied: applied.sort(), errors }
}

test.each([
  {
    kind: 'file',
    queues: () => () => fileQueue(),
  },
  {
    kind: 'memory',
    queues: () => {
      const queue = memoryQueue()
      return () => queue
    },
  },
])(
  'on the $kind queue a record for a target that is configured no more goes to no other, is told of once, and comes when the target is back',
  async ({ queues }) => {
    const queue = queues()
    await run(queue(), ['kept', 'gone'], ['gone', undefined, 'gone', 'kept'])
    const without = await run(queue(), ['kept'])
    expect(without.applied).toEqual(['kept 1', 'kept 3'])
    expect(without.errors).toMatchObject([
      { code: 'ERR_UNKNOWN_TARGET', message: expect.stringContaining("'gone'") },
    ])
    const back = await run(queue(), ['kept', 'gone'])
    expect(back.applied).toEqual(['gone 0', 'gone 1', 'gone 2'])
    expect(back.errors).toEqual([])
  },
)

test('records that are passed over are told of once for each target that there is not, and for no other', () => {
  const messages: string[] = []
  const report = ({ message }: WalError): void => void messages.push(message)
  const strays = new StrayRecords({ namespace: 'titles', targets: ['a', 'b'], report })
  for (const target of ['a', 'gone', 'b', 'gone', 'other']) strays.passedOver(target)
  expect(messages).toEqual([
    expect.stringContaining(
      "for target 'gone' alone, and namespace 'titles' has no such target (it has a, b)",
    ),
    expect.stringContaining("for target 'other' alone"),
  ])
})
