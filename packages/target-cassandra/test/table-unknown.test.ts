import { makeRecord } from '@daybook/core/testing'
import { expect, it } from 'vitest'
import { cassandraTarget } from '../src/index.ts'
import { applyTo } from './support/apply-to.ts'
import { fakeClient } from './support/fake-client.ts'

// A table is listed before each node has heard of it.
it.each([
  ['table late does not exist', 'unavailable', 'table_unknown'],
  ['unconfigured table late', 'unavailable', 'table_unknown'],
  ['Invalid amount of bind variables', 'permanent', 'invalid'],
])(
  'a node that says "%s" of a table that is listed is taken as %s, %s',
  async (message, status, code) => {
    const client = fakeClient({ id: 'text partition_key', title: 'text' })
    client.answer = () =>
      Promise.reject(Object.assign(new Error(message), { name: 'ResponseError', code: 0x2200 }))
    const target = cassandraTarget<never>({
      client,
      ...{ table: 'media.late', key: ['id'], columns: ['title'] },
    })
    const record = makeRecord({ key: 'a', payload: { id: 'a', title: 'x' } as never })
    expect(await applyTo(target, [record])).toMatchObject([{ status, code }])
  },
)
