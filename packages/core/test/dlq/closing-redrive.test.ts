import { describe, expect, it } from 'vitest'
import { memoryDeadLetterQueue } from '../../src/dlq/memory-dlq.ts'
import { createWal, memoryQueue, type Outcome, permanent, transient } from '../../src/index.ts'
import { VirtualClock } from '../../src/testing/index.ts'

/** A wal with one dead letter, whose removal waits for the gate. */
async function withLetter() {
  const clock = new VirtualClock()
  const calls: string[] = []
  const gate = Promise.withResolvers<void>()
  const letters = memoryDeadLetterQueue()
  const remove = letters.remove.bind(letters)
  letters.remove = async (ids) => {
    calls.push('remove')
    await gate.promise
    const removed = await remove(ids)
    calls.push('removed')
    return removed
  }
  const close = letters.close.bind(letters)
  letters.close = async () => {
    const { size } = await letters.count()
    calls.push(`close with ${size} left`)
    await close()
  }
  let outcome: Outcome = permanent('NO', 'no')
  const target = { idempotency: 'id', apply: async () => [outcome] } as const
  const wal = await createWal({
    clock,
    namespaces: { n: { queue: memoryQueue(), deadLetters: letters, targets: { t: target } } },
  })
  await wal.start()
  await wal.write('n', { key: 'k', payload: 1 })
  await clock.runUntil(wal.drain())
  // Else the delivery of the copy removes the letter, too.
  outcome = transient('LATER', 'later')
  const { deadLetters } = wal.namespace('n')
  return { wal, clock, calls, gate, deadLetters }
}

describe('a close while a letter is being dealt with', () => {
  it.each(['redrive', 'discard'] as const)(
    'waits for the removal of a letter by a %s, before the letters are closed',
    async (call) => {
      const { wal, clock, calls, gate, deadLetters } = await withLetter()
      const done = deadLetters[call]('all')
      await clock.settle()
      expect(calls).toContain('remove')
      const closed = wal.close({ timeout: 1000 })
      await clock.settle()
      gate.resolve()
      await clock.runUntil(closed)
      expect(calls.at(-2)).toBe('removed')
      expect(calls.at(-1)).toBe('close with 0 left')
      if (call === 'redrive') expect(await done).toMatchObject({ redriven: [expect.any(String)] })
      else expect(await done).toBe(1)
    },
  )

  it('gives up a removal that does not end within its deadline, says so, and closes the rest', async () => {
    const { wal, clock, calls, deadLetters } = await withLetter()
    void deadLetters.redrive('all')
    await clock.settle()
    const began = clock.monotonic()
    const closed = wal.close({ timeout: 1000 }).catch((error: unknown) => error)
    expect(await clock.runUntil(closed)).toMatchObject({
      code: 'ERR_CLOSE_TIMEOUT',
      message: expect.stringContaining('redrive or discard'),
    })
    expect(clock.monotonic() - began).toBeLessThanOrEqual(3000)
    expect(calls.at(-1)).toBe('close with 1 left')
  })
})
