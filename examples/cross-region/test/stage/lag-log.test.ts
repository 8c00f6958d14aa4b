import { expect, test } from 'vitest'
import { LagLog } from '../../src/stage/lag-log.ts'

function logAt() {
  const clock = { now: 1_000 }
  return { clock, log: new LagLog(['eu', 'us', 'ap'], () => clock.now) }
}

test('a link is behind by the age of the oldest change that has not come', () => {
  const { clock, log } = logAt()
  log.saved('eu', 'a@1')
  clock.now += 300
  log.saved('eu', 'b@2')
  clock.now += 200
  expect([log.lagMs('eu → us'), log.waiting('eu → us')]).toEqual([500, 2])
  log.arrived('eu', 'us', 'a@1')
  expect([log.lagMs('eu → us'), log.waiting('eu → us')]).toEqual([200, 1])
  log.arrived('eu', 'us', 'b@2')
  expect([log.lagMs('eu → us'), log.waiting('eu → us')]).toEqual([0, 0])
  expect([log.lagMs('eu → ap'), log.lagMs('us → eu')]).toEqual([500, 0])
})

test('a change that comes before it is known to be durable is waited for by nobody', () => {
  const { log } = logAt()
  log.arrived('eu', 'us', 'a@1')
  log.saved('eu', 'a@1')
  expect([log.waiting('eu → us'), log.waiting('eu → ap')]).toEqual([0, 1])
})

test('what waits now has passed once all of it has come, whatever was written since', () => {
  const { log } = logAt()
  log.saved('eu', 'a@1')
  log.saved('eu', 'b@2')
  const hasPassed = log.untilPassed('eu → us')
  log.saved('eu', 'c@3')
  log.arrived('eu', 'us', 'b@2')
  expect(hasPassed()).toBe(false)
  log.arrived('eu', 'us', 'a@1')
  expect(hasPassed()).toBe(true)
})

test('each look is kept, and the longest lag is the most of them', () => {
  const { clock, log } = logAt()
  log.look()
  log.saved('ap', 'a@1')
  clock.now += 700
  log.look()
  log.arrived('ap', 'eu', 'a@1')
  clock.now += 100
  log.look()
  expect(log.times).toEqual([0, 700, 800])
  expect(log.lags.get('ap → eu')).toEqual([0, 700, 0])
  expect([log.longestMs('ap → eu'), log.longestMs('ap → us')]).toEqual([700, 800])
})

test('a trouble lasts until it is over, or the log ends', () => {
  const { clock, log } = logAt()
  clock.now += 100
  const over = log.trouble('cut', ['eu → us'])
  log.trouble('slow', ['us → ap'])
  clock.now += 50
  over()
  clock.now += 50
  log.end()
  expect(log.troubles.map(({ what, fromMs, toMs }) => [what, fromMs, toMs])).toEqual([
    ['cut', 100, 150],
    ['slow', 100, 200],
  ])
})
