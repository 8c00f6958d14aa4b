import { WalError } from '@daybook/core'

/** Offsets by partition, of each topic and of the delays topic: everything before them has been read. */
export interface PastPosition {
  readonly records: readonly (readonly number[])[]
  readonly delays: readonly number[]
}

/** A position as a text: `1:<offsets>;<offsets of the next topic>:<offsets of the delays>`. */
export function positionText({ records, delays }: PastPosition): string {
  return `1:${records.map((offsets) => offsets.join(',')).join(';')}:${delays.join(',')}`
}

/**
 * The position in a text; `records`: the partitions of each topic, `delays`: of the delays topic. Throws
 * `ERR_INVALID_REPLAY` for one that this queue has not given.
 */
export function parsePosition(
  text: string,
  records: readonly number[],
  delays: number,
): PastPosition {
  const [form, first = '', second = ''] = String(text).split(':')
  const position = { records: first.split(';').map(offsetsOf), delays: offsetsOf(second) }
  // Partitions may have been added since; what came into them is behind the position.
  const fits =
    position.records.length <= records.length &&
    position.records.every((offsets, at) => offsets.length <= (records[at] ?? 0)) &&
    position.delays.length <= delays
  const all = [...position.records.flat(), ...position.delays]
  if (form !== '1' || !fits || !all.every((offset) => Number.isSafeInteger(offset))) {
    const shown = String(text).slice(0, 80)
    throw new WalError('ERR_INVALID_REPLAY', `"${shown}" is no position of this queue's readers.`)
  }
  return position
}

function offsetsOf(text: string): readonly number[] {
  return text === ''
    ? []
    : text.split(',').map((digits) => (/^\d+$/.test(digits) ? Number(digits) : Number.NaN))
}
