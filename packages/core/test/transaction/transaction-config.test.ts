import { describe, expect, it } from 'vitest'
import { createWal, defineTarget, memoryQueue, multiPartitionMutation } from '../../src/index.ts'

describe('the transactions of a configuration', () => {
  const targets = { base: defineTarget(async () => {}, { idempotency: 'version' }) }
  const refusal = (options: object) =>
    createWal({
      namespaces: { rows: multiPartitionMutation({ queue: memoryQueue(), targets, ...options }) },
    }).then(
      () => [],
      (error: { issues?: readonly unknown[] }) => error.issues,
    )
  const bare = (): object => {
    const { transactions: _, ...methods } = Object.assign(Object.create(memoryQueue()), {
      transactions: undefined,
    })
    const queue = memoryQueue()
    return {
      ...methods,
      kind: 'bare',
      supports: queue.supports,
      open: () => {},
      producer: () => {},
      consumer: () => {},
      deadLetters: () => {},
      close: () => {},
    }
  }

  it.each([
    ['dead letters that hold keys', { onDeadLetter: 'block' }, 'onDeadLetter'],
    ['no dead letters', { deadLetters: 'off' }, 'dead letters'],
    ['a delay', { delay: '1s' }, 'not delayed'],
    ['a queue without a store', { queue: bare() }, 'transactions.store'],
  ])('are refused together with %s', async (_, options, reason) => {
    const path = 'namespaces.rows.transactions'
    expect(await refusal(options)).toMatchObject([
      { path, reason: expect.stringContaining(reason) },
    ])
  })

  it('are checked option by option', async () => {
    const transactions = { maxMutations: 0, maxBytes: 'many', openFor: 0, stoer: {}, store: {} }
    expect(await refusal({ transactions })).toMatchObject(
      ['store', 'openFor', 'maxMutations', 'maxBytes', 'stoer'].map((name) => ({
        path: `namespaces.rows.transactions.${name}`,
      })),
    )
  })
})
