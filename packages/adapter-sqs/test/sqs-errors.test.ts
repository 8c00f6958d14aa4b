import { SQS } from '@aws-sdk/client-sqs'
import { afterEach, expect, test, vi } from 'vitest'
import { sqsError } from '../src/sqs-errors.ts'

afterEach(() => {
  vi.unstubAllEnvs()
})

test('a sentence of the service ends with one full stop, and says what to look at', () => {
  const cause = Object.assign(new Error('The specified queue does not exist.'), {
    name: 'QueueDoesNotExist',
  })
  const { error } = sqsError('The queue q does not answer', cause)
  expect(error.message).toMatch(
    /^The queue q does not answer: QueueDoesNotExist: The specified queue does not exist\. See that/,
  )
})

test('a client without a region asks nobody, and never will', async () => {
  for (const name of ['AWS_REGION', 'AWS_PROFILE']) vi.stubEnv(name, undefined)
  for (const name of ['AWS_CONFIG_FILE', 'AWS_SHARED_CREDENTIALS_FILE']) vi.stubEnv(name, '/none')
  const client = new SQS({ credentials: { accessKeyId: 'any', secretAccessKey: 'any' } })
  const QueueUrl = 'https://sqs.eu-west-1.amazonaws.com/1/q'
  const cause = await client.getQueueAttributes({ QueueUrl }).catch((error: unknown) => error)
  const { error, refused } = sqsError('The queue q does not answer', cause)
  expect(error).toMatchObject({ code: 'ERR_CONFIG', retryable: false })
  expect(error.message).toContain('has the region of the queue')
  expect(refused).toBe(true)
})
