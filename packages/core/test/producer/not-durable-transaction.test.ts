import { expect, it } from 'vitest'
import { WalError } from '../../src/errors.ts'
import { NotDurableError, type Receipt } from '../../src/producer/receipt.ts'

const receipt = { id: 'an id', version: 0n, message: 'So it is.' } as const

function messageOf(fields: Pick<Receipt, 'durable' | 'error'>): string {
  return new NotDurableError({ ...receipt, ...fields }, 'transaction').message
}

it('an error of a transaction says how that is tried again, and not how a record is', () => {
  const lost = new WalError('ERR_WRITE_TIMEOUT', 'Late.', { retryable: true })
  const tooOld = new WalError('ERR_NOT_DURABLE', 'Too old.')
  const begun = 'Transaction an id is not certain to be applied. So it is.'
  expect(messageOf({ durable: 'no', error: lost })).toBe(`${begun} Nothing of it will be applied.`)
  expect(messageOf({ durable: 'unknown', error: tooOld })).toBe(begun)
  expect(messageOf({ durable: 'unknown', error: lost })).toBe(
    `${begun} It may or may not be applied: ask for it again with the receipt's id, within transactions.keep.`,
  )
})
