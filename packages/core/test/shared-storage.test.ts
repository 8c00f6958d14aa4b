import { describe, expect, it } from 'vitest'
import { createWal, fanOut, memoryQueue, type Queue, type } from '../src/index.ts'
import { recordingTarget } from '../src/testing/index.ts'

/** A queue that knows once it is open where its records lie; and whether it is open still. */
function queueIn(...places: readonly string[]) {
  const queue = memoryQueue()
  const state = { isOpen: false }
  const kept: Queue = {
    ...{ kind: 'shelf', supports: queue.supports },
    async open(context) {
      await queue.open(context)
      state.isOpen = true
    },
    producer: () => queue.producer(),
    consumer: (target) => queue.consumer(target),
    deadLetters: () => queue.deadLetters(),
    storage: () => (state.isOpen ? places : []),
    async close() {
      await queue.close()
      state.isOpen = false
    },
  }
  return { queue: kept, state }
}

async function open(queues: Readonly<Record<string, Queue>>) {
  const namespaces = Object.entries(queues).map(([name, queue]) => {
    const targets = { store: recordingTarget<number>() }
    return [name, fanOut({ payload: type<number>(), queue, targets })] as const
  })
  const wal = await createWal({ namespaces: Object.fromEntries(namespaces) })
  await wal.close()
}

describe('queues that lie in one place', () => {
  it('are refused, each with the namespace that has the place already, and closed', async () => {
    const [one, two, three] = [queueIn('a', 'b'), queueIn('c'), queueIn('d', 'b')]
    const four = queueIn('d')
    const opening = open({
      one: one.queue,
      two: two.queue,
      three: three.queue,
      four: four.queue,
    })
    const issue = (name: string, place: string, owner: string) => ({
      path: `namespaces.${name}.queue`,
      reason: `lies in ${place}, as that of namespaces.${owner} does; give each a place of its own`,
    })
    await expect(opening).rejects.toMatchObject({
      code: 'ERR_CONFIG',
      issues: [issue('three', 'b', 'one'), issue('four', 'd', 'three')],
    })
    expect([one, two, three, four].map(({ state }) => state.isOpen)).not.toContain(true)
  })

  it('are told from those that have each a place of their own', async () => {
    await open({ one: queueIn('a', 'b').queue, two: queueIn('c').queue, three: memoryQueue() })
  })
})
