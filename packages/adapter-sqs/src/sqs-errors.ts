import { WalError, type WalErrorCode } from '@daybook/core'

/** What an error of the service says about the call that it answers. */
export interface SqsErrorClass {
  readonly code: WalErrorCode
  /** The same call may succeed later. */
  readonly retryable: boolean
  /** The service says that it did not do what was asked. */
  readonly refused: boolean
}

const gone: SqsErrorClass = { code: 'ERR_CONFIG', retryable: false, refused: true }
const denied: SqsErrorClass = { code: 'ERR_CONFIG', retryable: false, refused: true }
const tooLarge: SqsErrorClass = { code: 'ERR_PAYLOAD_TOO_LARGE', retryable: false, refused: true }
const throttled: SqsErrorClass = { code: 'ERR_THROTTLED', retryable: true, refused: true }
const wrong: SqsErrorClass = { code: 'ERR_INVALID_RECORD', retryable: false, refused: true }
const unknown: SqsErrorClass = { code: 'ERR_IO', retryable: true, refused: false }

/** By the error's name, without the prefixes and suffixes that clients and emulators differ in. */
const classes: Readonly<Record<string, SqsErrorClass>> = {
  QueueDoesNotExist: gone,
  NonExistentQueue: gone,
  InvalidAddress: gone,
  UnsupportedOperation: gone,
  AccessDenied: denied,
  InvalidSecurity: denied,
  InvalidClientTokenId: denied,
  UnrecognizedClient: denied,
  SignatureDoesNotMatch: denied,
  ExpiredToken: denied,
  MissingAuthenticationToken: denied,
  KmsAccessDenied: denied,
  KmsNotFound: denied,
  KmsDisabled: denied,
  CredentialsProviderError: denied,
  BatchRequestTooLong: tooLarge,
  MessageTooLong: tooLarge,
  InvalidMessageContents: wrong,
  InvalidParameterValue: wrong,
  InvalidAttributeValue: wrong,
  MissingParameter: wrong,
  InvalidBatchEntryId: wrong,
  RequestThrottled: throttled,
  Throttling: throttled,
  ThrottlingException: throttled,
  TooManyRequests: throttled,
  KmsThrottled: throttled,
  OverLimit: throttled,
}

/** All that the SDK says of a client without a region, which asks nobody. It has no name of its own. */
const regionMissing = 'Region is missing'

const staleReceipts = ['ReceiptHandleIsInvalid', 'MessageNotInflight', 'InvalidParameterValue']

/** What a name stands for: `com.amazonaws.sqs#QueueDoesNotExist`, `AWS.SimpleQueueService.X`, `XException`. */
function plainName(name: string): string {
  const last = name.split(/[#.]/).at(-1) ?? name
  return last.replace(/(?:Exception|_Fault)$/, '')
}

/** The class of an error's name. */
export function classOf(name: string): SqsErrorClass {
  return classes[plainName(name)] ?? classes[name] ?? unknown
}

/** True where an entry failed because its message is not ours any more. */
export function isStale(code: string | undefined): boolean {
  return code !== undefined && staleReceipts.includes(plainName(code))
}

/**
 * An error of a call as one of this library. A refusal is one only at the first try: the client may
 * have tried several times, and an earlier try may have gone through unheard. `maxTries`: how often the
 * client may have tried where the error does not say.
 */
export function sqsError(
  what: string,
  error: unknown,
  maxTries = 1,
): { error: WalError; refused: boolean } {
  const { name = '', message = '', $metadata } = (error ?? {}) as SdkError
  const { code, retryable, refused } = message === regionMissing ? denied : classOf(name)
  const tries = $metadata?.attempts ?? maxTries
  const said = message.trimEnd().replace(/\.$/, '')
  const text = `${what}: ${name}${said === '' ? '' : `: ${said}`}.${help(code)}`
  const isRefused = refused && tries <= 1
  return { error: new WalError(code, text, { retryable, cause: error }), refused: isRefused }
}

interface SdkError {
  readonly name?: string
  readonly message?: string
  readonly $metadata?: { readonly attempts?: number }
}

function help(code: WalErrorCode): string {
  if (code !== 'ERR_CONFIG') return ''
  return ' See that the client has the region of the queue, that the queue exists, and that the credentials may send, receive, delete, change visibility and read attributes on it.'
}
