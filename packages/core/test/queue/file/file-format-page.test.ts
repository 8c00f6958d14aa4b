import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { describe, expect, it, vi } from 'vitest'
import {
  decodeLetter,
  encodeNext,
  encodePut,
  encodeRemoved,
  setNumber,
} from '../../../src/dlq/file-dlq-format.ts'
import { PendingChanges } from '../../../src/queue/file/cursor-changes.ts'
import type { ScheduleChanges } from '../../../src/queue/file/cursor-schedule.ts'
import { fileNameOf } from '../../../src/queue/file/file-queue-names.ts'
import { frameBytes, frameHeaderBytes, sealFrame } from '../../../src/queue/file/frame.ts'
import {
  encodeEntry,
  encodeHeader,
  entryBytes,
  entryHeaderBytes,
  headerBytes,
} from '../../../src/queue/file/journal-format.ts'
import { isMarker, markerBody } from '../../../src/queue/file/marker.ts'
import { encodeRecord, recordBound } from '../../../src/queue/file/record-format.ts'
import {
  blockBytes,
  encodeRunHeader,
  rowsPerBlock,
  runHeaderBytes,
} from '../../../src/queue/file/schedule/run-format.ts'
import { writeRun } from '../../../src/queue/file/schedule/run-writer.ts'
import {
  encodeSegmentHeader,
  segmentHeaderBytes,
  segmentSalt,
} from '../../../src/queue/file/segment-header.ts'
import { systemRandom } from '../../../src/random.ts'
import type { StoredRecord } from '../../../src/record.ts'
import { makeDeadLetter, makeStoredRecord } from '../../../src/testing/make-record.ts'
import { SimulatedFileSystem } from '../../../src/testing/simulated-file-system.ts'
import {
  encodeChunk,
  encodeGone,
  encodeHead,
} from '../../../src/transaction/file-transactions-format.ts'
import type { TransactionHead } from '../../../src/transaction/transaction-store.ts'
import {
  block,
  codesOf,
  type Field,
  fieldsOf,
  hexDump,
  numbersIn,
  page,
  rows,
  unsigned,
} from './support/file-format-page.ts'
import { keysOf, OpenQueue, pullNow } from './support/open-queue.ts'
import { temporaryDirectory } from './support/temporary-directory.ts'

// What docs/file-format.md says, held against the code: either may be wrong when this is red.

const salt = 0x00ddba11

/** The record of the page's example. */
const record: StoredRecord = {
  id: '019aa9b2-7c00-7000-8000-00000000002a',
  namespace: 'films',
  key: 'tt0038787',
  op: 'put',
  headers: {},
  writtenAt: 1_763_971_200_000,
  dueAt: undefined,
  version: 1_763_971_200_000_016n,
  origin: 'local',
  target: undefined,
  transaction: undefined,
  attemptEpoch: 0,
  traceContext: undefined,
  encryptionKeyId: undefined,
  payload: Buffer.from('{"year":1946}'),
}

function encoded(overrides: Partial<StoredRecord> = {}): Buffer {
  const written = { ...record, ...overrides }
  const buffer = Buffer.alloc(recordBound(written))
  return buffer.subarray(0, encodeRecord(written, buffer, 0, record.namespace))
}

function framed(body: Uint8Array): Buffer {
  const frame = Buffer.alloc(frameBytes(body.byteLength))
  frame.set(body, frameHeaderBytes)
  sealFrame(frame, 0, body.byteLength, {
    sequence: 42,
    syncedBytes: 8192,
    salt: segmentSalt({ salt, number: 7 }),
  })
  return frame
}

const headOf: TransactionHead = {
  id: 'a',
  revision: 1,
  state: 'open',
  openedAt: 1,
  changedAt: 1,
  mutations: 0,
  bytes: 0,
  chunks: 0,
  checksum: 0,
  span: 0,
  version: undefined,
  targets: {},
}

const scheduleChanges: readonly [string, (to: ScheduleChanges) => void][] = [
  ['run added', (to) => to.runAdded(1, 2)],
  ['scheduled', (to) => to.scheduled([1, 2])],
  ['run removed', (to) => to.runRemoved(1)],
  ['floor raised', (to) => to.floorRaised(1, 2)],
  ['gone', (to) => to.gone(1, 2, 3)],
  ['schedule dropped', (to) => to.scheduleDropped()],
]

const folders = ['segments', 'cursors', 'schedules', 'dead-letters', 'transactions']

describe('the page on the file format', () => {
  it('has every file of a queue, and no other', async () => {
    const directory = await temporaryDirectory()
    const opened = await OpenQueue.open({ directory, scheduleRecords: 1 })
    await opened.send({ key: 'a' }, { dueAt: opened.clock.now() + 1000 })
    expect(keysOf(await pullNow(await opened.consumer()))).toEqual(['a'])
    await opened.queue.transactions?.()
    const [target = ''] = (await readdir(join(directory, 'cursors'))).map((name) =>
      name.slice(0, -7),
    )
    await vi.waitFor(
      async () => expect(await readdir(join(directory, 'schedules'))).toHaveLength(1),
      { timeout: 20_000 },
    )
    const found = (await readdir(directory, { recursive: true }))
      .filter((name) => !folders.includes(name))
      .map((name) => name.replace(/.*\//, '').replace(/-[0-9a-f]{16}/, '-<16 hex digits>'))
      .map((name) => name.replace(/\d{12}-[0-9a-f]{8}\.run$/, '<number>-<salt>.run'))
      .map((name) => name.replace(`${target}.`, '<target>.'))
    await opened.queue.close()
    const named = [...block('text layout').matchAll(/^ *(\S.*?) {2,}/gm)].map((match) => match[1])
    expect(found.sort()).toEqual(named.sort())
    expect(fileNameOf('.Titles/a')).toBe('%2e%54itles%2fa')
    expect(fileNameOf('x'.repeat(201))).toMatch(/^x+~[0-9a-f]{40}$/)
  })

  it('has the fields of a segment header where they are', () => {
    const fields = fieldsOf('Segment header')
    const header = encodeSegmentHeader({
      salt,
      number: 3,
      baseSequence: 4,
      position: 5,
      previousNumber: 6,
      previousEnd: 7,
      firstKept: 8,
      epoch: 9,
      highestVersion: 10n,
      madeAt: 11.5,
      namespace: 'films',
    })
    expect(header.length).toBe(segmentHeaderBytes)
    const crc = fields.get('crc')
    expect((crc?.offset ?? 0) + (crc?.size ?? 0)).toBe(segmentHeaderBytes)
    const integers = ['number', 'base sequence', 'position', 'previous number', 'previous end']
    expect(numbersIn(header, fields, integers)).toEqual([3n, 4n, 5n, 6n, 7n])
    const others = [
      'first kept',
      'epoch',
      'highest version',
      'salt',
      'format version',
      'name length',
    ]
    expect(numbersIn(header, fields, others)).toEqual([8n, 9n, 10n, BigInt(salt), 1n, 5n])
    expect(header.readDoubleLE(fields.get('made at')?.offset)).toBe(11.5)
    expect(header.toString('latin1', 0, fields.get('magic')?.size)).toBe('daybook\0')
    const nameAt = fields.get('name')?.offset ?? 0
    expect(header.toString('utf8', nameAt, nameAt + 5)).toBe('films')
    expect(unsigned(header, fields.get('crc') as Field)).not.toBe(0n)
  })

  it('has the fields of a frame where they are', () => {
    const fields = fieldsOf('Frame')
    const frame = framed(encoded())
    expect(fields.get('body')?.offset).toBe(frameHeaderBytes)
    const names = ['length', 'sequence', 'synced bytes', 'mark']
    expect(numbersIn(frame, fields, names)).toEqual([75n, 42n, 8192n, BigInt(salt ^ 7 ^ 42)])
  })

  it('has the example to the byte', () => {
    expect(hexDump(framed(encoded()))).toBe(block('text frame'))
  })

  it('has the fixed fields of a record where they are', () => {
    const fields = fieldsOf('Record')
    const body = encoded({ op: 'delete', attemptEpoch: 5 })
    const names = ['kind', 'op', 'flags', 'attempt epoch', 'version']
    expect(numbersIn(body, fields, names)).toEqual([1n, 2n, 0x405n, 5n, record.version])
    expect(body.readDoubleLE(fields.get('written at')?.offset)).toBe(record.writtenAt)
  })

  it('has the flags of a record, and its optional fields in their order', () => {
    const optional: Readonly<Record<string, Partial<StoredRecord>>> = {
      namespace: { namespace: 'other' },
      key: { key: 'the key' },
      target: { target: 'the target' },
      encryptionKeyId: { encryptionKeyId: 'the encryptionKeyId' },
      traceparent: { traceContext: { traceparent: 'the traceparent' } },
      tracestate: {
        traceContext: { traceparent: 'the traceparent', tracestate: 'the tracestate' },
      },
      dueAt: { dueAt: 1_800_000_000_000 },
      transaction: { transaction: { id: 'the transaction', index: 258 } },
      headers: { headers: { 'the header': 'its value' } },
      payload: { payload: Buffer.from('the payload') },
    }
    const bare = { id: 'no uuid', key: undefined, payload: undefined, op: 'delete' } as const
    const table = rows('Record', 'bit | field | form').filter(([bit]) => bit !== '')
    expect(table.map(([, name]) => name)).toEqual(['id', ...Object.keys(optional)])
    expect(encoded(bare).readUInt16LE(2)).toBe(0)
    const flagOf = (overrides: Partial<StoredRecord>): number =>
      encoded({ ...bare, ...overrides }).readUInt16LE(2)
    for (const [bit, name = ''] of table.slice(1)) {
      expect(flagOf(optional[name] ?? {}) & (1 << Number(bit)), name).not.toBe(0)
    }
    expect(flagOf({ id: record.id })).toBe(1 << Number(table[0]?.[0]))
    const all = encoded(Object.assign({ ...bare }, ...Object.values(optional)))
    const marks = ['no uuid', 'local', 'other', 'the key', 'the target', 'the encryptionKeyId']
    marks.push('the traceparent', 'the tracestate', 'the transaction', 'the header', 'the payload')
    const places = marks.map((mark) => all.indexOf(mark))
    expect(places).toEqual(places.toSorted((a, b) => a - b))
    expect(places).not.toContain(-1)
    expect(all.readDoubleLE(all.indexOf('the transaction') - 12)).toBe(1_800_000_000_000)
    expect(all.readUInt32LE(all.indexOf('the transaction') + 15)).toBe(258)
    expect(all.readUInt32LE(all.indexOf('the header') - 8)).toBe(1)
  })

  it('has texts as they are: twice the bytes, odd for UTF-16', () => {
    const body = encoded({ key: 'é' })
    const keyAt = body.indexOf('local') + 5
    expect(body.readUInt32LE(keyAt)).toBe(4)
    const lone = encoded({ key: '\ud800' })
    expect(lone.readUInt32LE(keyAt)).toBe(5)
    expect(lone.readUInt16LE(keyAt + 4)).toBe(0xd800)
  })

  it('has the marker', () => {
    expect([...markerBody]).toEqual([2])
    expect(isMarker(framed(markerBody), frameHeaderBytes)).toBe(true)
  })

  it('has the fields of a journal where they are', () => {
    const fields = fieldsOf('Journal header')
    const header = encodeHeader('curs', salt)
    expect(header.length).toBe(headerBytes)
    expect((fields.get('crc')?.offset ?? 0) + 4).toBe(headerBytes)
    const names = ['format version', 'salt', 'zeros']
    expect(numbersIn(header, fields, names)).toEqual([1n, BigInt(salt), 0n])
    expect(header.toString('latin1', 0, 8)).toBe('DAYBOOKJ')
    const kindAt = fields.get('kind')?.offset ?? 0
    expect(header.toString('latin1', kindAt, kindAt + 4)).toBe('curs')
  })

  it('has the fields of a journal entry where they are', () => {
    const fields = fieldsOf('Journal entry')
    const body = Buffer.from('body')
    const entry = Buffer.alloc(entryBytes(body.length))
    encodeEntry(entry, 0, { body, number: 7, lasting: 6 }, salt)
    expect(fields.get('body')?.offset).toBe(entryHeaderBytes)
    expect(numbersIn(entry, fields, ['length', 'number', 'lasting'])).toEqual([4n, 7n, 6n])
  })

  it('has the changes of a cursor, and the bytes of one', () => {
    const codes = codesOf('Cursor', 'code | change | followed by')
    const changes = new PendingChanges()
    for (const sequence of [1, 2, 3, 7]) changes.acked(sequence)
    const acked = changes.take()
    expect(page).toContain(`\`${acked.toString('hex').replaceAll(/(..)(?!$)/g, '$1 ')}\``)
    changes.begun(1, 5)
    const [begun] = changes.take()
    changes.attempts(1, undefined)
    const [attempts] = changes.take()
    const found = new Map([
      ['acked', acked[0]],
      ['begun', begun],
      ['attempts', attempts],
      ...scheduleChanges.map(([name, change]) => {
        change(changes)
        return [name, changes.take()[0]] as const
      }),
    ])
    expect(codes).toEqual(found)
  })

  it('has the fields of a run where they are, and its parts', async () => {
    const fields = fieldsOf('Run header')
    const header = encodeRunHeader({ number: 3, salt, rowsByTime: 400, rowsById: 399 })
    expect((fields.get('crc')?.offset ?? 0) + 4).toBe(64)
    const names = ['format version', 'salt', 'number', 'rows by time', 'rows by id', 'zeros']
    expect(numbersIn(header, fields, names)).toEqual([1n, BigInt(salt), 3n, 400n, 399n, 0n])
    expect(header.toString('latin1', 0, 8)).toBe('DAYBOOKS')
    expect(page).toContain(`A block has ${rowsPerBlock} rows`)
    expect(rowsPerBlock).toBe(Math.floor((blockBytes - 4) / 24))
    expect(header.length).toBe(runHeaderBytes)

    const fileSystem = new SimulatedFileSystem({ random: systemRandom })
    await fileSystem.makeDirectory('/runs')
    const path = '/runs/one.run'
    const row = (at: number): number[] => [1000 + at, at, at * 8]
    const rows = (...all: number[]): Float64Array => Float64Array.from(all.flatMap(row))
    const byTime = rows(...Array.from({ length: 342 }, (_, at) => at))
    await writeRun(
      { fileSystem, directory: '/runs', path, number: 3, salt },
      { byTime: [byTime], byId: () => [rows(7)] },
    )
    const bytes = fileSystem.bytesOf(path)
    const at = (block: number): number => runHeaderBytes + block * blockBytes
    expect(bytes.readDoubleLE(at(1) + 8), 'the second block by time').toBe(341)
    expect(bytes.readDoubleLE(at(2)), 'the first one by id').toBe(1007)
    const crcOf = (block: number): number =>
      crc32(bytes.subarray(at(block), at(block) + blockBytes - 4), salt + block)
    expect(bytes.readUInt32LE(at(3) - 4)).toBe(crcOf(2))
    expect([0, 8, 16, 24, 32, 40].map((from) => bytes.readDoubleLE(at(3) + from))).toEqual([
      1000, 0, 1341, 341, 1007, 7,
    ])
    expect(bytes.readUInt32LE(at(3) + 48)).toBe(crc32(bytes.subarray(at(3), at(3) + 48), salt))
    expect(bytes.length).toBe(at(3) + 56)
  })

  it('has the entries of the dead letters, and the fields of a letter where they are', () => {
    const codes = codesOf('Dead letters', 'code | entry | followed by')
    const letter = makeDeadLetter({
      record: makeStoredRecord({ payload: Buffer.from('its payload') }),
    })
    const put = encodePut(letter)
    setNumber(put, 258)
    const found = { put: put[0], removed: encodeRemoved([1])[0], next: encodeNext(1)[0] }
    expect(Object.fromEntries(codes)).toEqual(found)
    const fields = fieldsOf('Dead letters')
    expect(numbersIn(put, fields, ['code', 'number'])).toEqual([1n, 258n])
    const jsonAt = fields.get('fields')?.offset ?? 0
    const jsonBytes = Number(unsigned(put, fields.get('length') as Field))
    const json = JSON.parse(put.toString('utf8', jsonAt, jsonAt + jsonBytes))
    expect(json).toMatchObject({ id: letter.id, target: letter.target, code: letter.code })
    expect(put[jsonAt + jsonBytes]).toBe(1)
    expect(decodeLetter(put).record.payload).toEqual(Buffer.from('its payload'))
  })

  it('has the codes of the entries of transactions', () => {
    const codes = codesOf('Transactions', 'code | entry | followed by')
    const found = {
      head: encodeHead(headOf)[0],
      chunk: encodeChunk('a', 0, Buffer.of(1))[0],
      gone: encodeGone('a')[0],
    }
    expect(Object.fromEntries(codes)).toEqual(found)
    const chunk = encodeChunk('name', 258, Buffer.of(7, 8))
    expect(chunk.toString('latin1')).toBe('\x02\x02\x01\0\0\x04\0name\x07\x08')
    const head = JSON.parse(encodeHead({ ...headOf, version: 9n }).toString('utf8', 1))
    expect(head).toMatchObject({ id: 'a', revision: 1, version: '9' })
  })
})
