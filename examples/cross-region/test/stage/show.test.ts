import { expect, test } from 'vitest'
import { LagLog } from '../../src/stage/lag-log.ts'
import { drawLags } from '../../src/stage/picture.ts'
import { lagRows } from '../../src/stage/print.ts'

function logOfOneCut(): LagLog {
  let now = 0
  const log = new LagLog(['eu', 'us'], () => now)
  const over = log.trouble('cut', ['eu → us'])
  log.saved('eu', 'a@1')
  for (; now <= 3_000; now += 100) log.look()
  over()
  log.arrived('eu', 'us', 'a@1')
  log.look()
  return log
}

test('the picture has a line for each link, and what was wrong with it', () => {
  const svg = drawLags(logOfOneCut())
  expect(svg).toMatch(/^<svg[^>]* width="960"/)
  for (const text of ['eu → us', 'us → eu', 'cut']) expect(svg).toContain(`>${text}</text>`)
  expect(svg.match(/>cut<\/text>/g)).toHaveLength(1)
})

test('the rows show what was the longest lag, and none where there was none', () => {
  const [, , behind, level] = lagRows(logOfOneCut()).split('\n')
  expect(behind).toMatch(/eu → us {2}▁.*█▁? {2}3\.0 s at most$/)
  expect(level).toMatch(/us → eu {2}▁+ {2}0\.0 s at most$/)
})
