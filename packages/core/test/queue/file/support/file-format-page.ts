import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'

// docs/file-format.md, as tests read it.

const path = join(import.meta.dirname, '../../../../../../docs/file-format.md')
export const page = await readFile(path, 'utf8')

/** The rows of the tables under a heading, all tables of the same columns as one. */
export function rows(heading: string, columns: string): readonly string[][] {
  const section = page.split(/^#+ /m).find((text) => text.startsWith(`${heading}\n`)) ?? ''
  const lines = section.split('\n')
  const start = lines.indexOf(`| ${columns} |`)
  expect(start, `a table "${columns}" under "${heading}"`).toBeGreaterThan(0)
  const length = lines.slice(start).findIndex((line) => !line.startsWith('|'))
  return lines.slice(start + 2, start + length).map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim().replaceAll('`', '')),
  )
}

export interface Field {
  readonly offset: number
  readonly size: number
}

/** Where the page says that each field is. Fields of fixed size follow each other without gaps. */
export function fieldsOf(heading: string): ReadonlyMap<string, Field> {
  const fields = new Map<string, Field>()
  let next = 0
  for (const [offset = '', size = '', name = ''] of rows(
    heading,
    'offset | size | field | meaning',
  )) {
    if (offset === '') continue
    expect(Number(offset), `offset of ${name}`).toBe(next)
    next += Number(size)
    fields.set(name, { offset: Number(offset), size: Number(size) })
  }
  return fields
}

/** Codes and what they are called. */
export function codesOf(heading: string, columns: string): ReadonlyMap<string, number> {
  return new Map(rows(heading, columns).map(([code, name = '']) => [name, Number(code)]))
}

export function unsigned(bytes: Buffer, { offset, size }: Field): bigint {
  const digits = Buffer.from(bytes.subarray(offset, offset + size))
    .reverse()
    .toString('hex')
  return BigInt(`0x${digits}`)
}

/** What the bytes hold where the page says that the fields are. */
export function numbersIn(
  bytes: Buffer,
  fields: ReadonlyMap<string, Field>,
  names: readonly string[],
): readonly unknown[] {
  return names.map((name) => unsigned(bytes, fields.get(name) ?? { offset: 0, size: 0 }))
}

export function block(info: string): string {
  return page.split(`\`\`\`${info}\n`)[1]?.split('```')[0] ?? ''
}

export function hexDump(bytes: Buffer): string {
  let lines = ''
  for (let at = 0; at < bytes.length; at += 16) {
    const row = bytes.subarray(at, at + 16)
    const hex = [...row].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')
    const text = row.toString('latin1').replace(/[^\x20-\x7e]/g, '.')
    lines += `${at.toString(16).padStart(4, '0')}  ${hex.padEnd(47)}  ${text}\n`
  }
  return lines
}
