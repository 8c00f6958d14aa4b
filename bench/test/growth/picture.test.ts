import { expect, test } from 'vitest'
import { drawGrowth } from '../../src/growth/picture.ts'
import { colours } from '../../src/growth/theme.ts'
import { summarize } from '../../src/harness/statistics.ts'

function point(records: number, cost: number) {
  const figure = summarize([cost])
  return {
    records,
    writeUs: figure,
    deliverUs: figure,
    openMs: summarize([cost * 10]),
    diskBytesPerRecord: summarize([200]),
  }
}

const picture = drawGrowth([point(1_000_000, 4.5), point(10_000, 4.25), point(2500, 4.75)])

test('names axes, units and lines, and says the figures', () => {
  for (const text of [
    'microseconds per record',
    'milliseconds to open',
    'bytes on disk per record',
    'records in the log',
    ...['write', 'deliver', 'open', 'size on disk'],
    ...['2,500', '10⁴', '10⁶'],
    ...['4.8', '4.3', '4.5', '48', '43', '45', '200'],
  ]) {
    expect(picture, text).toContain(`>${text}</text>`)
  }
})

test('draws from short logs to long ones, in whatever order they were measured', () => {
  const places = ['2,500', '10⁴', '10⁶'].map((label) => picture.indexOf(`>${label}</text>`))
  expect(places).toEqual(places.toSorted((a, b) => a - b))
})

test('gives every colour that can be seen a counterpart for dark pages', () => {
  const visible = picture
    .split('\n')
    .filter((element) => !element.includes('stroke-width="0"'))
    // The insides of the straight lines in the legend: they have none.
    .map((element) => element.replace('fill="#000"', ''))
  const used = new Set(visible.join('\n').match(/(?<=(?:fill|stroke)=")#[0-9a-f]+(?=")/g))
  expect(used).toEqual(new Set(Object.values(colours)))
  for (const colour of used) expect(picture).toContain(`[fill="${colour}"]{fill:#`)
})
