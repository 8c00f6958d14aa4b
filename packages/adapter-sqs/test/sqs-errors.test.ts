import { expect, test } from 'vitest'
import { sqsError } from '../src/sqs-errors.ts'

test('a sentence of the service ends with one full stop, and says what to look at', () => {
  const cause = Object.assign(new Error('The specified queue does not exist.'), {
    name: 'QueueDoesNotExist',
  })
  const { error } = sqsError('The queue q does not answer', cause)
  expect(error.message).toMatch(
    /^The queue q does not answer: QueueDoesNotExist: The specified queue does not exist\. See that/,
  )
})
