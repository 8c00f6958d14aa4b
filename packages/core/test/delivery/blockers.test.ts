import { describe, expect, test } from 'vitest'
import { Blockers } from '../../src/delivery/blockers.ts'
import type { StoredRecord } from '../../src/record.ts'

function record(attemptEpoch: number, id = 'r1'): StoredRecord {
  return {
    id,
    namespace: 'films',
    key: 'a',
    op: 'put',
    payload: undefined,
    headers: {},
    writtenAt: 0,
    dueAt: undefined,
    version: 1n,
    origin: 'local',
    target: undefined,
    transaction: undefined,
    attemptEpoch,
    traceContext: undefined,
    encryptionKeyId: undefined,
  }
}

const summary = {
  id: 'r1.0:search',
  recordId: 'r1',
  target: 'search',
  key: 'a',
  attemptEpoch: 0,
  version: 1n,
}

describe('a copy of a letter that holds its key', () => {
  test('is expected from its redrive until it comes', () => {
    const blockers = new Blockers('block')
    blockers.add(record(0))
    expect(blockers.expects).toBe(false)
    blockers.expect(record(0))
    expect(blockers.expects).toBe(true)
    expect(blockers.isRedriven(record(1))).toBe(true)
    expect(blockers.expects).toBe(false)
  })

  test('is not expected where it came before its redrive was told', () => {
    const blockers = new Blockers('block')
    blockers.add(record(0))
    expect(blockers.isRedriven(record(1))).toBe(true)
    blockers.expect(record(0))
    expect(blockers.expects).toBe(false)
  })

  test('is not expected where it has died again before its redrive was told', () => {
    const blockers = new Blockers('block')
    blockers.add(record(0))
    blockers.isRedriven(record(1))
    blockers.add(record(1))
    blockers.expect(record(0))
    expect(blockers.expects).toBe(false)
    blockers.expect(record(1))
    expect(blockers.expects).toBe(true)
  })

  test('is not expected where it was applied before its redrive was told', () => {
    const blockers = new Blockers('block')
    blockers.add(record(0))
    blockers.isRedriven(record(1))
    expect(blockers.remove(record(1))).toBe(true)
    blockers.expect(record(0))
    expect(blockers.expects).toBe(false)
  })

  test('is expected no more once it has a letter of its own, or its letter was discarded', () => {
    const blockers = new Blockers('block')
    blockers.add(record(0))
    blockers.expect(record(0))
    blockers.add(record(1))
    expect(blockers.expects).toBe(false)
    blockers.expect(record(1))
    blockers.remove(record(1))
    expect(blockers).toMatchObject({ expects: false, size: 0 })
  })

  test('does not make up for another one', () => {
    const blockers = new Blockers('block')
    for (const id of ['r1', 'r2']) blockers.add(record(0, id))
    for (const id of ['r1', 'r2']) blockers.expect(record(0, id))
    blockers.isRedriven(record(1, 'r1'))
    blockers.isRedriven(record(1, 'r1'))
    expect(blockers.expects).toBe(true)
  })

  test('may have been sent before the start, until what was in the queue then has been read', () => {
    const blockers = new Blockers('block')
    blockers.addSummary(summary)
    expect(blockers).toMatchObject({ mayExpect: true, expects: false })
    blockers.notFound(blockers.doubtful())
    expect(blockers).toMatchObject({ mayExpect: false, size: 1 })
    blockers.expect(record(0))
    expect(blockers.expects).toBe(true)
  })

  test('is not given up where it was redriven while it was looked for', () => {
    const blockers = new Blockers('block')
    blockers.addSummary(summary)
    const doubtful = blockers.doubtful()
    blockers.expect(record(0))
    blockers.notFound(doubtful)
    expect(blockers.expects).toBe(true)
  })

  test('that was sent before the start is looked for no longer once it has come', () => {
    const blockers = new Blockers('block')
    blockers.addSummary(summary)
    blockers.isRedriven(record(1))
    expect(blockers.mayExpect).toBe(false)
  })
})
