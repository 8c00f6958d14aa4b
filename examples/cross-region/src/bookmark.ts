/** Where a viewer stopped watching. Its key is the viewer. */
export interface Bookmark {
  readonly film: string
  readonly minute: number
  /** The region that wrote it, and its how-manieth change that was: together they name the change. */
  readonly by: string
  readonly number: number
}
