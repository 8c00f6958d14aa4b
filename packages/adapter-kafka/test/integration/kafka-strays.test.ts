// needs: kafka

import { randomUUID } from 'node:crypto'
import { createWal, defineTarget, fanOut, type, type WalError } from '@daybook/core'
import { type Service, service } from '@daybook/services'
import { afterAll, beforeAll, test } from 'vitest'
import { kafkaQueue } from '../../src/index.ts'
import { clientFor, clientNames } from '../support/clients.ts'
import { resetPatiently } from '../support/reset.ts'

let kafka: Service

beforeAll(async () => {
  kafka = await service('kafka')
})
afterAll(async () => {
  await resetPatiently(kafka)
})

test.concurrent.for(clientNames)(
  'a record for a target that is configured no more is handed to no other and told of once, and comes when the target is back, through %s',
  async (name, { expect }) => {
    const topic = `strays-${randomUUID()}`
    /** One run of a process in which there are these targets. */
    async function open(names: readonly string[]) {
      const applied: string[] = []
      const errors: WalError[] = []
      const targetOf = (target: string) =>
        defineTarget.each<number>(async ({ payload }) => void applied.push(`${target} ${payload}`))
      const targets = Object.fromEntries(names.map((target) => [target, targetOf(target)]))
      const queue = kafkaQueue({
        client: clientFor(name, kafka.address),
        ...{ topic, allowUnderReplicated: true },
      })
      const wal = await createWal({
        namespaces: { titles: fanOut({ payload: type<number>(), queue, targets }) },
      })
      wal.on('error', ({ error }) => errors.push(error))
      return { wal, applied, errors }
    }
    async function run(names: readonly string[]) {
      const { wal, applied, errors } = await open(names)
      await wal.start()
      await wal.drain()
      await wal.close()
      return { applied: applied.toSorted(), errors }
    }
    const { wal } = await open(['kept', 'gone'])
    for (const [payload, target] of ['gone', undefined, 'gone', 'kept'].entries()) {
      await wal.write('titles', { key: 'a', payload, target })
    }
    await wal.close()
    const without = await run(['kept'])
    expect(without.applied).toEqual(['kept 1', 'kept 3'])
    expect(without.errors).toMatchObject([
      { code: 'ERR_UNKNOWN_TARGET', message: expect.stringContaining("'gone'") },
    ])
    const back = await run(['kept', 'gone'])
    expect(back).toEqual({ applied: ['gone 0', 'gone 1', 'gone 2'], errors: [] })
  },
)
