import API
import Endpoint
import Runtime
import Serving
import Stores
import Validation

/// `GET /api/v1/notifications`, gRPC `notification.v1.NotificationService/ListNotifications`: one page of the
/// caller's notifications, the newest first; for admins and services, of everybody's.
///
/// `INVALID_PAGE_TOKEN` for a token that this list did not issue.
@main
struct ListNotifications: Function {
  static let contract = FunctionContract.listNotifications

  let notifications: Timed<NotificationStore>
  let pages: PageTokens

  func input(from request: ListNotificationsRequest, in context: Context) throws
    -> NotificationListing
  {
    try NotificationListing(request, caller: context.caller, pages: pages)
  }

  func respond(to listing: NotificationListing, in context: Context) throws
    -> ListNotificationsResponse
  {
    var page = try notifications(by: context.deadline).page(listing, pages: pages)
    page.notifications = page.notifications.map { $0.shown(to: context.caller) }
    return page
  }

  static func main() {
    Serving.run { ListNotifications(notifications: $0.notifications, pages: $0.pages) }
  }
}
