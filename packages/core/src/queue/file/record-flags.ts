/** The bits of a record's flags, format version 1: which of its optional fields are there. */
export const has = {
  uuid: 1,
  /** Present where the record's namespace is not the one its segment's header names. */
  namespace: 1 << 1,
  key: 1 << 2,
  target: 1 << 3,
  encryptionKeyId: 1 << 4,
  traceparent: 1 << 5,
  tracestate: 1 << 6,
  dueAt: 1 << 7,
  transaction: 1 << 8,
  headers: 1 << 9,
  payload: 1 << 10,
} as const
/** Others are of a later version. */
export const knownFlags = (1 << 11) - 1
/** Of fields that most records are without. */
export const rareFlags = knownFlags & ~(has.uuid | has.namespace | has.key | has.payload)
