import { describe, expect, it } from 'vitest'
import { deadLetterId } from '../../src/dlq/dlq.ts'
import { isRecordId } from '../../src/record-id.ts'
import { makeDeadLetter, makeRecord, makeStoredRecord } from '../../src/testing/index.ts'

describe('makeRecord and makeStoredRecord', () => {
  it('give every record an id, a key and a version of its own, and versions that grow', () => {
    const records = Array.from({ length: 1_000 }, (_, at) =>
      at % 2 === 0 ? makeRecord() : makeStoredRecord(),
    )
    expect(new Set(records.map(({ id }) => id)).size).toBe(1_000)
    expect(new Set(records.map(({ key }) => key)).size).toBe(1_000)
    const versions = records.map(({ version }) => version)
    expect(versions.every((version, at) => at === 0 || version > (versions[at - 1] ?? 0n))).toBe(
      true,
    )
    expect(records.every(({ id }) => isRecordId(id))).toBe(true)
  })

  it('take what they are given, also that something is not set', () => {
    expect(makeRecord({ op: 'delete', payload: undefined, key: 'a' })).toMatchObject({
      op: 'delete',
      payload: undefined,
      key: 'a',
    })
    expect(makeStoredRecord({ key: undefined, version: 7n })).toMatchObject({
      key: undefined,
      version: 7n,
    })
  })
})

describe('makeDeadLetter', () => {
  it('names the letter by its record and target, and ends its history with the reason', () => {
    const record = makeStoredRecord({ attemptEpoch: 2 })
    const letter = makeDeadLetter({ record, target: 'search', code: 'BUSY', at: 5 })
    expect(letter.id).toBe(deadLetterId(record, 'search'))
    expect(letter.attempts.at(-1)).toMatchObject({ target: 'search', code: 'BUSY', at: 5 })
  })
})
