import { type BrokenQueue, withRecords } from './breakage.ts'

/** What may be wrong with a record that comes out again. */
export const recordFlaws: readonly BrokenQueue[] = [
  {
    flaw: 'carries payloads as text',
    create: withRecords((record) => ({
      ...record,
      payload: record.payload && Buffer.from(Buffer.from(record.payload).toString('utf8')),
    })),
    turnsRed: ['keeps every byte of a binary payload'],
  },
  {
    flaw: 'stores the whole buffer behind a view',
    create: withRecords((record) => ({
      ...record,
      payload: record.payload && new Uint8Array(record.payload.buffer),
    })),
    turnsRed: ['keeps exactly the bytes of a view into a larger buffer'],
  },
  {
    flaw: 'takes an empty payload for none',
    create: withRecords((record) => ({
      ...record,
      payload: record.payload?.byteLength ? record.payload : undefined,
    })),
    turnsRed: ['keeps no payload apart from an empty one'],
  },
  {
    flaw: 'carries versions as numbers',
    create: withRecords((record) => ({ ...record, version: BigInt(Number(record.version)) })),
    turnsRed: ['keeps versions up to 2^63-1 exactly'],
  },
  {
    flaw: 'copies headers by assignment',
    create: withRecords((record) => {
      const headers: Record<string, string> = {}
      for (const [name, value] of Object.entries(record.headers)) headers[name] = value
      return { ...record, headers }
    }),
    turnsRed: ['keeps keys and headers of any letters'],
  },
  {
    flaw: 'forgets the trace context',
    create: withRecords((record) => ({ ...record, traceContext: undefined })),
    turnsRed: [
      'keeps every field of a record',
      'keeps fields that are not set apart from empty ones',
    ],
  },
  {
    flaw: 'makes a put of every op',
    create: withRecords((record) => ({ ...record, op: 'put' })),
    turnsRed: ['keeps each op'],
  },
]
