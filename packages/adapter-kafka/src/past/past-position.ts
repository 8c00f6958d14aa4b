import { WalError } from '@daybook/core'

/** Offsets, by partition, of the topic and of its delays topic: everything before them has been read. */
export interface PastPosition {
  readonly records: readonly number[]
  readonly delays: readonly number[]
}

/** A position as a text: `1:<offsets>:<offsets>`. */
export function positionText({ records, delays }: PastPosition): string {
  return `1:${records.join(',')}:${delays.join(',')}`
}

/** The position in a text. Throws `ERR_INVALID_REPLAY` for one that this queue has not given. */
export function parsePosition(text: string, records: number, delays: number): PastPosition {
  const [form, first = '', second = ''] = String(text).split(':')
  const position = { records: offsetsOf(first), delays: offsetsOf(second) }
  // Partitions may have been added since; what came into them is behind the position.
  const fits = position.records.length <= records && position.delays.length <= delays
  const all = [...position.records, ...position.delays]
  if (form !== '1' || !fits || !all.every((offset) => Number.isSafeInteger(offset))) {
    const shown = String(text).slice(0, 80)
    throw new WalError('ERR_INVALID_REPLAY', `"${shown}" is no position of this topic's readers.`)
  }
  return position
}

function offsetsOf(text: string): readonly number[] {
  return text === ''
    ? []
    : text.split(',').map((digits) => (/^\d+$/.test(digits) ? Number(digits) : Number.NaN))
}
