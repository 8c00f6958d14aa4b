import Table from 'cli-table3'
import type { Load, Machine } from './machine.ts'
import type { Summary } from './statistics.ts'

/** Without lines, for pipes and files: columns kept in place by spaces. */
const noLines = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
}

/** Draws a table for a terminal, or plain columns for anything else. The first column is text. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  terminal: boolean,
): string {
  const drawn = new Table({
    head: [...head],
    colAligns: head.map((_, column) => (column === 0 ? 'left' : 'right')),
    style: terminal
      ? { compact: true, head: ['bold'] }
      : { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    ...(terminal ? {} : { chars: noLines }),
  })
  for (const row of rows) drawn.push([...row])
  return drawn.toString()
}

const grouped = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })

/** `812,345` */
export function count(value: number): string {
  return grouped.format(value)
}

/** `1 round`, `5 rounds` */
export function counted(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`
}

/** `790,000 to 830,000` */
export function range({ min, max }: Summary): string {
  return `${count(min)} to ${count(max)}`
}

/** `0.53 (0.50 to 0.55)`: the median ratio and how far the rounds lie apart. */
export function ratio({ median, min, max }: Summary): string {
  return `${median.toFixed(2)} (${min.toFixed(2)} to ${max.toFixed(2)})`
}

/** `1.24 ms` */
export function milliseconds(value: number): string {
  return `${value.toFixed(2)} ms`
}

/** `1.24 s` */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`
}

/** `537 MB`, with a megabyte of 1,000,000 bytes. */
export function megabytes(bytes: number): string {
  return `${count(bytes / 1e6)} MB`
}

/** `128 B`, `64 KiB`: a size that somebody chose. */
export function byteSize(bytes: number): string {
  return bytes % 1024 === 0 ? `${count(bytes / 1024)} KiB` : `${count(bytes)} B`
}

/** `57 %` */
export function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`
}

/** From this share of the machine on, what others do shows in the figures. */
const disturbingShare = 0.25

/** Where the figures come from, and whether something disturbed them. */
export function provenance(machine: Machine, load: Load): string {
  const lines = [
    `${machine.cpu}, ${machine.cores} cores, ${megabytes(machine.memoryBytes)} of memory, ` +
      `${machine.platform}, Node ${machine.node}, ${machine.fileSystem}.`,
    `Load average ${load.before.toFixed(2)} before and ${load.after.toFixed(2)} after; ` +
      `other processes and the kernel took ${percent(load.othersShare)} of all cores meanwhile.`,
  ]
  if (load.othersShare >= disturbingShare) {
    lines.push('The machine was busy with other things: run this again when it is quiet.')
  }
  return lines.join('\n')
}
