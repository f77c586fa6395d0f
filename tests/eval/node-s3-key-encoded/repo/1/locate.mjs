// Where the picture of a notification lies, and where its thumbnail belongs.
export function locate(notification) {
  return notification.Records.map(({ s3 }) => ({
    bucket: s3.bucket.name,
    key: s3.object.key,
    target: s3.object.key.replace("uploads/", "thumbnails/"),
  }));
}
