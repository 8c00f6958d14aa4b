import { describe, expect, it } from 'vitest'
import { chosenQueue } from '../../src/stage/command-line.ts'
import { queues } from '../../src/stage/queues.ts'

describe('chosenQueue', () => {
  it('is the log on disk unless another one is named', () => {
    expect(chosenQueue([])).toBe(queues['file'])
    expect(chosenQueue(['--queue', 'kafka'])).toBe(queues['kafka'])
    expect(chosenQueue(['--queue=sqs'])).toBe(queues['sqs'])
  })

  it('says which there are where one is named that is not', () => {
    expect(chosenQueue(['--queue', 'rabbit'])).toMatch(/“rabbit”.*file, kafka, sqs/)
    expect(chosenQueue(['--queue', 'toString'])).toMatch(/no queue named/)
  })

  it('says how it is used where the words make no sense', () => {
    expect(chosenQueue(['--que', 'kafka'])).toMatch(/--que.*\nUsage: npm run demo/)
    expect(chosenQueue(['kafka'])).toMatch(/Usage: npm run demo/)
    expect(chosenQueue(['--queue'])).toMatch(/Usage: npm run demo/)
  })
})
