// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

// The messages by the names that the contract gives them. swift-protobuf puts the package in front of
// each; here, where all packages are one module, the short names are clear. `Task` alone would hide
// Swift's own.

public typealias Role = User_V1_Role
public typealias UserMessage = User_V1_User
public typealias CreateUserRequest = User_V1_CreateUserRequest
public typealias GetUserRequest = User_V1_GetUserRequest
public typealias UpdateUserRequest = User_V1_UpdateUserRequest
public typealias DeleteUserRequest = User_V1_DeleteUserRequest
public typealias ListUsersRequest = User_V1_ListUsersRequest
public typealias UnsubscribeRequest = User_V1_UnsubscribeRequest
public typealias ListUsersResponse = User_V1_ListUsersResponse

public typealias LoginRequest = Auth_V1_LoginRequest
public typealias TokenResponse = Auth_V1_TokenResponse
public typealias ValidateTokenRequest = Auth_V1_ValidateTokenRequest
public typealias ValidateTokenResponse = Auth_V1_ValidateTokenResponse
public typealias RefreshTokenRequest = Auth_V1_RefreshTokenRequest
public typealias LogoutRequest = Auth_V1_LogoutRequest

public typealias TaskStatus = Task_V1_Status
public typealias TaskPriority = Task_V1_Priority
public typealias TaskMessage = Task_V1_Task
public typealias CreateTaskRequest = Task_V1_CreateTaskRequest
public typealias GetTaskRequest = Task_V1_GetTaskRequest
public typealias UpdateTaskRequest = Task_V1_UpdateTaskRequest
public typealias DeleteTaskRequest = Task_V1_DeleteTaskRequest
public typealias ListTasksRequest = Task_V1_ListTasksRequest
public typealias ListUserTasksRequest = Task_V1_ListUserTasksRequest
public typealias ListTasksResponse = Task_V1_ListTasksResponse
public typealias TaskReminders = Task_V1_Reminders
public typealias DeleteUserTasksRequest = Task_V1_DeleteUserTasksRequest

public typealias SessionQuestion = Gateway_V1_SessionQuestion
public typealias ProbeRequest = Gateway_V1_ProbeRequest
public typealias ProbeResponse = Gateway_V1_ProbeResponse

public typealias HealthCheckRequest = Grpc_Health_V1_HealthCheckRequest
public typealias HealthCheckResponse = Grpc_Health_V1_HealthCheckResponse
public typealias ReflectionRequest = Grpc_Reflection_V1_ServerReflectionRequest
public typealias ReflectionResponse = Grpc_Reflection_V1_ServerReflectionResponse

public typealias NotificationType = Notification_V1_NotificationType
public typealias NotificationMessage = Notification_V1_Notification
public typealias SendEmailRequest = Notification_V1_SendEmailRequest
public typealias SendTaskReminderRequest = Notification_V1_SendTaskReminderRequest
public typealias GetNotificationRequest = Notification_V1_GetNotificationRequest
public typealias ListNotificationsRequest = Notification_V1_ListNotificationsRequest
public typealias ListNotificationsResponse = Notification_V1_ListNotificationsResponse
public typealias SendPushNotificationRequest = Notification_V1_SendPushNotificationRequest
public typealias SentNotifications = Notification_V1_SentNotifications
public typealias NotifyUserRequest = Notification_V1_NotifyUserRequest
public typealias GetPushKeyRequest = Notification_V1_GetPushKeyRequest
public typealias PushKeyMessage = Notification_V1_PushKey
public typealias PushKeys = Notification_V1_PushKeys
public typealias PushSubscriptionMessage = Notification_V1_PushSubscription
public typealias RegisterPushSubscriptionRequest = Notification_V1_RegisterPushSubscriptionRequest
public typealias ListPushSubscriptionsRequest = Notification_V1_ListPushSubscriptionsRequest
public typealias ListPushSubscriptionsResponse = Notification_V1_ListPushSubscriptionsResponse
public typealias DeletePushSubscriptionRequest = Notification_V1_DeletePushSubscriptionRequest
public typealias SaveContactRequest = Notification_V1_SaveContactRequest
public typealias ForgetUserRequest = Notification_V1_ForgetUserRequest
