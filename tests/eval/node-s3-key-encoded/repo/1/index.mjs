import { S3Client, GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { shrink } from "./shrink.mjs";
import { locate } from "./locate.mjs";

const s3 = new S3Client({});

// Lambda function behind the queue 'uploads': a thumbnail for each picture.
export async function handler(event) {
  for (const record of event.Records) {
    for (const place of locate(JSON.parse(record.body))) {
      const picture = await s3.send(new GetObjectCommand({ Bucket: place.bucket, Key: place.key }));
      const small = await shrink(await picture.Body.transformToByteArray());
      await s3.send(new PutObjectCommand({ Bucket: place.bucket, Key: place.target, Body: small }));
      console.log(`made ${place.target}`);
    }
  }
}
